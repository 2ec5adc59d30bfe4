// Chromium, and what must be true of every page that it opens.
import { readFileSync } from "node:fs";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb",
];

export class Browser {
  static async open(chromium, executablePath, axe) {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath, args: FLAGS });
    browser.axe = readFileSync(axe, "utf8");
    browser.faults = [];
    return browser;
  }

  // A page in a context of its own. What it does that it must not do is written down in `faults`.
  async page(origin, options = {}) {
    const context = await this.chromium.newContext(options);
    // Breaches of the policy are told to scripts alone.
    await context.addInitScript(() => {
      window.breaches = [];
      document.addEventListener("securitypolicyviolation", (event) => window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.faults.push(`a request to ${request.url()}`);
    });
    page.on("pageerror", (error) => this.faults.push(`an error of the script: ${error}`));
    page.on("dialog", (dialog) => {
      this.faults.push(`a script of somebody else ran: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      // An answer that is no success is told here too; it is looked at where it is expected.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) this.faults.push(`said: ${message.text()}`);
    });
    return page;
  }

  // What axe finds wrong, in a line each.
  async examined(page) {
    // Not as an element of the page, which its policy forbids.
    await page.evaluate(this.axe);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 200)}`));
  }

  async end() {
    await this.chromium.close();
  }
}

export const breaches = (page) => page.evaluate(() => window.breaches);

// Whether anything is wider than the window, so that the page has to be moved sideways.
export const overflows = (page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? `${scrollWidth} > ${clientWidth}` : "";
  });
