// The console's only script. Regions of the page come rendered and escaped from the server; text that is made here is set as text.
"use strict";

const element = (id) => document.getElementById(id);

document.documentElement.classList.add("script");

// --- asking the server ------------------------------------------------------------------------------------------------------------

// What the session was opened with beside its cookie. A browser shows cookies to every port of this host, and what is stored here to pages
// of this very origin, in whichever tab. Where nothing can be stored the page can be read, and the server says why it changes nothing.
const SECRET = "issuer-host-admin";
const stored = (does) => {
  try {
    return does(localStorage);
  } catch {
    return null;
  }
};
const keep = (secret) => stored((store) => store.setItem(SECRET, secret));
const forget = () => stored((store) => store.removeItem(SECRET));

// No page of another origin can send this header.
const ask = (method, path, body) => {
  const headers = { "issuer-host-admin": stored((store) => store.getItem(SECRET)) || "1" };
  return fetch(path, { method, body, headers, credentials: "same-origin", redirect: "error" });
};

// What went wrong, in the server's words where it has some.
const problemOf = async (answer) => (await answer.text()).trim() || `the server answered ${answer.status}`;

// --- the form for the token -------------------------------------------------------------------------------------------------------

const login = element("login");
if (login) {
  // The form was not there to have the focus before this script was.
  element("token").focus();
  login.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = element("login-said");
    said.textContent = "";
    try {
      const answer = await ask("POST", "/session", element("token").value);
      // Without content: no token is asked for any more.
      if (answer.status === 200) keep((await answer.json()).secret);
      if (answer.ok) return location.reload();
      said.textContent = answer.status === 401 ? "This is not the token." : await problemOf(answer);
    } catch {
      said.textContent = "The server does not answer.";
    }
    element("token").select();
  });
} else {
  begin();
}

function begin() {
  element("reload").addEventListener("click", reload);
  element("report-close").addEventListener("click", () => {
    element("report").hidden = true;
    element("reload").focus();
  });
  element("leave").addEventListener("click", leave);
  element("inbox").addEventListener("click", (event) => {
    const button = event.target.closest("button[data-decision]");
    if (button) decide(button.dataset);
  });
  element("leave").hidden = !document.body.hasAttribute("data-session");
  watch();
}

// For the eye, unless it stands somewhere else already; for a screen reader always.
function say(text, seen = false) {
  element("said").textContent = text;
  element("said").classList.toggle("unseen", seen);
}

// --- what changes by itself -------------------------------------------------------------------------------------------------------

// As long as the server says that too many pages watch.
const PATIENCE = 30_000;

function watch() {
  const source = new EventSource("/events");
  const live = (state, text) => {
    element("live").dataset.state = state;
    element("live").textContent = text;
  };
  source.addEventListener("open", () => live("live", "Live"));
  source.addEventListener("regions", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return live("lost", "Reconnecting");
    live("lost", "Not live");
    // Refused: the session is over, or there is no place.
    const answer = await ask("GET", "/status").catch(() => null);
    if (answer && answer.status === 401) return location.reload();
    setTimeout(watch, PATIENCE);
  });
}

function show(regions) {
  const before = wrong();
  for (const [id, html] of Object.entries(regions)) {
    const region = element(id);
    if (!region) continue;
    const wanted = document.createElement("template");
    wanted.innerHTML = html;
    alter(region, wanted.content);
  }
  if (wrong() !== before) say(wrong() === 0 ? "Nothing is wrong any more." : `What is wrong has changed: ${wrong()} now.`, true);
}

const wrong = () => Number(element("problems-title")?.dataset.count ?? 0);

// After a decision, without waiting for the next event.
async function refresh() {
  const answer = await ask("GET", "/");
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["overview", "problems", "environments", "calls", "refusals", "inbox"]) {
    const wanted = page.getElementById(id);
    if (wanted) alter(element(id), wanted);
  }
}

// Makes the children of `shown` those of `wanted` and leaves alone what is the same: who reads, selects or has the focus somewhere
// stays there. What has an id is found by it, so that no button comes to stand for another entry.
function alter(shown, wanted) {
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  children(shown, wanted);
  if (focused && !focused.isConnected) (shown.closest("section") ?? shown).focus();
}

function children(shown, wanted) {
  const named = new Map([...shown.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = shown.firstChild;
  for (const child of [...wanted.childNodes]) {
    const known = child.id ? named.get(child.id) : place;
    const fits = known && known.nodeName === child.nodeName && (known.id ?? "") === (child.id ?? "");
    if (!fits) {
      shown.insertBefore(document.importNode(child, true), place);
      continue;
    }
    if (known === place) place = place.nextSibling;
    else shown.insertBefore(known, place);
    if (child.nodeType === Node.ELEMENT_NODE) {
      attributes(known, child);
      children(known, child);
    } else if (known.data !== child.data) {
      known.data = child.data;
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function attributes(shown, wanted) {
  for (const { name } of [...shown.attributes]) {
    // What somebody has unfolded stays so.
    if (!wanted.hasAttribute(name) && !(name === "open" && shown.nodeName === "DETAILS")) shown.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
}

// --- reload -----------------------------------------------------------------------------------------------------------------------

async function reload() {
  const button = element("reload");
  button.setAttribute("aria-disabled", "true");
  say("Everything is read again.");
  try {
    const answer = await ask("POST", "/reload");
    if (answer.ok || answer.status === 422) {
      tell(await answer.json(), answer.ok);
      await refresh();
    } else {
      say(`Nothing was reloaded: ${await problemOf(answer)}`);
    }
  } catch {
    say("Nothing is known of the reload: the server does not answer.");
  }
  button.removeAttribute("aria-disabled");
}

const OUTCOMES = {
  unchanged: "nothing new",
  installed: "installed",
  kept: "refused: what was in force stays",
  added: "added",
  removed: "removed",
  applied: "good",
};

function tell(report, good) {
  const lines = [];
  const line = (name, of) => {
    lines.push(made("dt", name), made("dd", OUTCOMES[of.outcome] ?? of.outcome ?? ""));
    for (const [key, value] of Object.entries(of)) {
      if (key === "outcome" || value === null || (Array.isArray(value) && value.length === 0)) continue;
      lines.push(made("dd", `${key.replaceAll("_", " ")}: ${words(value)}`, "details"));
    }
  };
  if (report.configuration) line("Configuration", report.configuration);
  for (const [name, of] of Object.entries(report.environments ?? {})) line(name, of);
  const list = document.createElement("dl");
  list.className = "outcome";
  list.append(...lines);
  const title = good ? "All that was found is good." : "Something is not good: what was in force before stays.";
  element("report-text").replaceChildren(made("p", title, good ? "good" : "bad"), list);
  element("report").hidden = false;
  element("report").focus();
  say(title, true);
}

function words(value) {
  if (Array.isArray(value)) return value.map(words).join("; ");
  if (value && typeof value === "object") {
    return Object.entries(value).map(([key, part]) => `${key.replaceAll("_", " ")} ${words(part)}`).join(", ");
  }
  return String(value);
}

function made(kind, text, style) {
  const one = document.createElement(kind);
  one.textContent = text;
  if (style) one.className = style;
  return one;
}

// --- dead letters -----------------------------------------------------------------------------------------------------------------

async function decide({ decision, id, name }) {
  if (decision === "discard" && !(await confirmed(name, id))) return;
  try {
    const answer = await ask("POST", `/inbox/${encodeURIComponent(id)}/${decision}`);
    const done = decision === "replay" ? "will be delivered again" : "was discarded";
    say(answer.ok ? `${name} ${id} ${done}.` : `${name} ${id} stays as it is: ${await problemOf(answer)}`);
    await refresh();
  } catch {
    say(`Nothing is known of ${name} ${id}: the server does not answer.`);
  }
}

function confirmed(name, id) {
  const dialog = element("confirm");
  element("confirm-text").textContent = `${name}, ${id}: it will never be delivered.`;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((decided) => {
    dialog.addEventListener("close", () => decided(dialog.returnValue === "yes"), { once: true });
  });
}

async function leave() {
  await ask("DELETE", "/session").catch(() => null);
  forget();
  location.reload();
}
