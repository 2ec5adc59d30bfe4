// test.mjs PROGRAM FOLDER NODE_MODULES [SCREENSHOTS]: see console-test.sh.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { backend as startBackend } from "./backend.mjs";
import { Browser, breaches, overflows } from "./browser.mjs";
import { TOKEN, configuration } from "./configuration.mjs";
import { Server, until } from "./server.mjs";

const [program, folder, modules, screenshots] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");

const VIEWS = [
  { name: "wide", viewport: { width: 1280, height: 900 } },
  { name: "narrow", viewport: { width: 360, height: 740 } },
].flatMap((view) => ["light", "dark"].map((colorScheme) => ({ ...view, name: `${view.name}-${colorScheme}`, colorScheme })));

const backend = await startBackend();
const server = new Server(program, folder, configuration(backend.url));
let browser;
try {
  await server.start();
  browser = await Browser.open(chromium, process.env.CHROMIUM, `${modules}/axe-core/axe.min.js`);
  await quiet();
  await traffic();
  for (const view of VIEWS) await looks(view);
  await controls();
  await called();
  await hostile();
  await events();
  await keyboard();
  await letters();
  await withoutScript();
  await signIn();
  assert.deepEqual(browser.faults, [], "what pages did that they must not do");
  console.log("console-test: all is as it should be");
} finally {
  await browser?.end();
  await server.end();
  backend.end();
}

async function opened(options, path = "/") {
  const page = await browser.page(server.origin, options);
  await page.goto(server.origin + path);
  return page;
}

function step(what) {
  console.log(`  ${what}`);
}

// Until the page changes by itself.
function live(page) {
  return page.waitForFunction(() => document.getElementById("live")?.dataset.state === "live");
}

async function closed(page) {
  assert.deepEqual(await breaches(page), [], "breaches of the policy");
  await page.context().close();
}

async function shot(page, name, fullPage = true) {
  if (screenshots) await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage });
}

// Before anybody called.
async function quiet() {
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  await live(page);
  assert.match(await page.textContent("#calls"), /Nobody has called/);
  assert.match(await page.textContent("#refusals"), /Nobody was refused/);
  assert.deepEqual(await browser.examined(page), []);
  await shot(page, "quiet");
  await closed(page);
}

async function traffic() {
  step("traffic: calls that are answered, calls that fail, notifications that nobody takes, callers that are refused");
  for (const [who, host] of [[null, "tsh-pp.bank.test"], ["stranger", "tsh-pp.bank.test"], ["revoked", "tsh-pp.bank.test"], ["hostile", "d1.bank.test"]]) {
    const { code, said } = await server.call(host, who, "tsh", "checkCardEligibility");
    assert.notEqual(code, 0, `${who} was let in:\n${said}`);
  }
  for (const operation of ["checkCardEligibility", "requestCardDigitization", "sendOTP"]) {
    const { said } = await server.call("tsh-pp.bank.test", "caller", "tsh", operation, "--count", "12");
    assert.match(said, /200/, said);
  }
  backend.state.mood = "refusing";
  await server.call("tsh-pp.bank.test", "caller", "tsh", "sendOTP", "--count", "2");
  const { said } = await server.call("tsh-pp.bank.test", "caller", "tsh", "notifyVirtualCardChange", "--count", "3", "--new-connection");
  const dead = async () => (await (await fetch(`${server.origin}/inbox?state=dead`)).json()).entries.length;
  await until(`there are dead letters:\n${said}`, async () => (await dead()) >= 3);
  backend.state.mood = "down";
  await server.call("d1.bank.test", "caller", "--all", "d1");
  await until("a destination is down", async () => (await server.status()).inbox.destinations.some((one) => one.breaker !== "closed"));
}

async function looks({ name, ...options }) {
  step(`${name}: axe, width, screenshot`);
  const page = await opened(options);
  await live(page);
  assert.deepEqual(await browser.examined(page), [], name);
  assert.equal(await overflows(page), "", `${name} is wider than the window`);
  await shot(page, `${name}-first-screen`, false);
  await shot(page, name);
  await closed(page);
}

// What finds nothing must be able to find something.
async function controls() {
  step("controls: axe finds a button without a name, the policy stops a request to elsewhere and something inline");
  const page = await browser.page(server.origin);
  await page.goto(server.origin);
  await page.evaluate(() => document.querySelector("main").append(document.createElement("button")));
  assert.match((await browser.examined(page)).join(), /button-name/);
  const elsewhere = backend.url;
  await page.evaluate(async (url) => {
    await fetch(url).catch(() => null);
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.head.append(script);
  }, elsewhere);
  const found = await breaches(page);
  assert.ok(found.some((breach) => breach.startsWith("connect-src")) && found.some((breach) => breach.startsWith("script-src")), found.join());
  assert.equal(await page.evaluate(() => window.ran), undefined);
  // Those were asked for here.
  browser.faults = browser.faults.filter((fault) => !fault.includes(elsewhere) && !/Content Security Policy/.test(fault));
  await page.context().close();
}

async function called() {
  step("calls by operation, and why callers were refused");
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  await live(page);
  const cells = await page.locator("#calls-preprod-tsh-sendOTP td.number").allInnerTexts();
  assert.deepEqual(cells.slice(0, 4).map((text) => text.match(/\d+$/)[0]), ["12", "0", "2", "0"]);
  assert.match(await page.locator("#calls-preprod-tsh-sendOTP svg path").last().getAttribute("d"), /^M.*V/, "p99 is drawn");
  const refusals = await page.textContent("#refusals");
  for (const told of ["no_certificate", "unknown_issuer", "revoked", "before it was stolen", "from 127.0.0.1"]) {
    assert.ok(refusals.includes(told), `${told}: ${refusals}`);
  }
  await closed(page);
}

async function hostile() {
  step("a subject that is made to run is shown as text (RFC 4514), and does not run");
  const page = await opened({ viewport: { width: 360, height: 740 } });
  await live(page);
  assert.match(await page.textContent("#refusals"), /\\<script\\>alert\(1\)\\<\/script\\>/);
  assert.equal(await page.locator("#refusals script, #refusals img").count(), 0);
  await page.locator("#refusals").evaluate((part) => part.scrollIntoView({ behavior: "instant" }));
  await shot(page, "hostile-subject", false);
  await closed(page);
}

async function events() {
  step("what changes is shown by itself");
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  await live(page);
  await page.evaluate(() => { window.same = true; });
  server.configure({ broken: true });
  await page.getByText("preprod: new files were refused").first().waitFor({ timeout: 60_000 });
  const problem = page.locator("#problems li", { hasText: "preprod: new files were refused" });
  assert.match(await problem.textContent(), /Ticket.*docs\/runbook\/IssuerHostReloadFailing\.md/s);
  assert.match(await page.locator("#problems li").first().textContent(), /Page/, "what pages comes first");
  assert.equal(await problem.locator(".details").isVisible(), false, "details are folded");
  await problem.locator("summary").click();
  assert.equal(await problem.locator(".details").isVisible(), true);
  assert.deepEqual(await browser.examined(page), []);
  await shot(page, "refused-reload");
  server.configure();
  await page.getByText("preprod: new files were refused").first().waitFor({ state: "detached", timeout: 60_000 });
  assert.equal(await page.evaluate(() => window.same), true, "the page was loaded again");
  await closed(page);
}

// Presses Tab until the focus is on what `wanted` says.
async function tabTo(page, wanted) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), wanted)) return;
  }
  throw new Error(`Tab does not lead to ${wanted}`);
}

async function keyboard() {
  step("Tab to the reload button, Enter, and its report is there");
  const page = await opened({ viewport: { width: 360, height: 740 } });
  await live(page);
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip/);
  await tabTo(page, "#reload");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus can be seen");
  await page.keyboard.press("Enter");
  await page.locator("#report").waitFor({ state: "visible" });
  assert.match(await page.textContent("#report"), /All that was found is good.*preprod.*nothing new/s);
  assert.equal(await page.evaluate(() => document.activeElement.id), "report");
  assert.deepEqual(await browser.examined(page), []);
  await shot(page, "report", false);
  await closed(page);
}

async function letters() {
  step("dead letters: replay delivers, Escape keeps, discard asks first");
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  await live(page);
  backend.state.mood = "well";
  const rows = page.locator("#inbox tr[id^=letter-]");
  const before = await rows.count();
  const [replayed, discarded] = await rows.evaluateAll((all) => all.map((row) => row.id));
  const state = async (id) => (await (await fetch(`${server.origin}/inbox/${id.replace("letter-", "")}`)).json()).state;

  await page.locator(`#${replayed} button`).first().focus();
  await page.keyboard.press("Enter");
  await page.locator(`#${replayed}`).waitFor({ state: "detached" });
  await until("it is delivered", async () => (await state(replayed)) === "delivered");

  await page.locator(`#${discarded} button.danger`).click();
  await page.locator("#confirm").waitFor();
  assert.deepEqual(await browser.examined(page), []);
  await shot(page, "discard", false);
  await page.keyboard.press("Escape");
  await page.locator("#confirm").waitFor({ state: "hidden" });
  assert.equal(await state(discarded), "dead");
  await page.locator(`#${discarded} button.danger`).click();
  await page.locator("#confirm button[value=yes]").click();
  await page.locator(`#${discarded}`).waitFor({ state: "detached" });
  assert.equal(await state(discarded), "discarded");
  assert.equal(await rows.count(), before - 2);
  assert.match(await page.textContent("#said"), /was discarded/);
  await closed(page);
}

async function withoutScript() {
  step("without scripts it can be read, and has no button that does nothing");
  const page = await opened({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
  assert.match(await page.locator("main").innerText(), /What is wrong now/);
  assert.equal(await page.locator("button:visible").count(), 0);
  await shot(page, "without-script");
  await page.context().close();
}

async function signIn() {
  step("with a token: the form, a wrong token, the right one, and out again");
  server.configure({ token: true });
  await until("the token is in force", async () => (await fetch(`${server.origin}/status`)).status === 401);
  for (const view of VIEWS) {
    const { name, ...options } = view;
    const page = await opened(options);
    assert.deepEqual(await browser.examined(page), [], name);
    assert.equal(await overflows(page), "");
    await shot(page, `sign-in-${name}`, false);
    await closed(page);
  }
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  assert.equal(await page.locator("#environments").count(), 0, "nothing is told to whom nobody knows");
  await page.keyboard.type("not the token");
  await page.keyboard.press("Enter");
  await page.getByText("This is not the token.").waitFor();
  await page.locator("#token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await live(page);
  assert.match(await page.textContent("#environments"), /production/);
  await page.locator("#reload").click();
  await page.locator("#report").waitFor({ state: "visible" });
  // Another tab of the same browser is signed in as well, and can change something.
  const tab = await page.context().newPage();
  await tab.goto(server.origin);
  await live(tab);
  await tab.locator("#reload").click();
  await tab.locator("#report").waitFor({ state: "visible" });
  // With its cookie alone, which every port of this host is shown, it cannot.
  await tab.evaluate(() => { window.kept = localStorage.getItem("issuer-host-admin"); localStorage.clear(); });
  await tab.locator("#reload").click();
  await tab.getByText(/Nothing was reloaded: .*sign in again/).waitFor();
  await tab.evaluate(() => localStorage.setItem("issuer-host-admin", window.kept));
  await tab.close();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#login").waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0, "what the session was opened with is forgotten");
  assert.deepEqual(await page.context().cookies(), [], "and so is its cookie");
  await closed(page);
}
