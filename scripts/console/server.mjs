// The real program, and callers of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync, openSync } from "node:fs";
import { createServer } from "node:net";

const PATIENCE = 60_000;

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Until `fact` yields something, or `what` did not happen in time.
export async function until(what, fact) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await fact();
    if (found) return found;
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`did not happen: ${what}`);
}

export class Server {
  // `write(options)` makes the configuration; `log` is where the program's log goes.
  constructor(program, folder, write) {
    Object.assign(this, { program, folder, write, config: `${folder}/issuer-host.toml`, log: `${folder}/log` });
  }

  async start() {
    this.port = await freePort();
    this.admin = await freePort();
    this.origin = `http://127.0.0.1:${this.admin}`;
    this.configure();
    const log = openSync(this.log, "w");
    this.process = spawn(this.program, ["serve", "--config", this.config], { stdio: ["ignore", log, log] });
    await until(`the server gets ready:\n${readFileSync(this.log)}`, async () => {
      if (this.process.exitCode !== null) throw new Error(`the server ended:\n${readFileSync(this.log)}`);
      return (await fetch(`${this.origin}/readyz`).catch(() => null))?.ok;
    });
  }

  configure(options = {}) {
    writeFileSync(this.config, this.write({ port: this.port, admin: this.admin, ...options }));
  }

  // What `/status` tells.
  async status(headers = {}) {
    return (await fetch(`${this.origin}/status`, { headers })).json();
  }

  // Runs the program; yields its exit code and what it wrote.
  async run(...args) {
    const child = spawn(this.program, args, { stdio: ["ignore", "pipe", "pipe"], cwd: this.folder });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => { said += text; });
    const [code] = await once(child, "close");
    return { code, said };
  }

  // Calls as Thales does, with the certificate `who`.
  call(host, who, ...args) {
    return this.run(
      "call", `https://${host}:${this.port}`, ...args, "--connect", `127.0.0.1:${this.port}`, "--server-ca", "tls/server-ca.pem",
      ...(who ? ["--client-certificate", `tls/${who}.pem`, "--client-key", `tls/${who}.key`] : []),
    );
  }

  async end() {
    if (!this.process || this.process.exitCode !== null) return;
    this.process.kill("SIGTERM");
    const cut = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE);
    await once(this.process, "close");
    clearTimeout(cut);
    if (readFileSync(this.log, "utf8").includes("panicked at")) throw new Error(`the server panicked:\n${readFileSync(this.log)}`);
  }
}
