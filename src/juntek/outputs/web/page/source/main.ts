/** Puts the page together; rule: the gateway's state flows down to the parts, what one does flows up to here. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import type { Day, Meter } from "api-types";
import { getDays, now, reasonOf, signIn, signOut, timeOf } from "./api.ts";
import { batteryCard } from "./battery_card.ts";
import { Charts } from "./charts.ts";
import { type Description, describe, element, say, update } from "./dom.ts";
import { Energy, add } from "./energy.ts";
import { NOTHING, isElsewhere, isoDate, number, zoneName } from "./format.ts";
import { type Change, Gateway } from "./gateway.ts";
import { gatewayCard } from "./gateway_card.ts";
import { meterCards } from "./meter_card.ts";
import { ageOf, noticesOf } from "./notices.ts";
import { overview, setPace } from "./overview.ts";
import { SettingsCard } from "./settings_card.ts";
import { readPlace, writePlace } from "./span.ts";
import { themeSwitch } from "./theme.ts";

const gateway = new Gateway((change, meter) => react(change, meter));
const charts = new Charts(
  (meter) => gateway.recent.get(meter) ?? [],
  (seen) => remember({ meter: chosen, ...seen }),
);
const energy = new Energy();
const settings = new SettingsCard();

const tabs = element("nav", { class: "tabs", "aria-label": "Meters", click: ({ target }: Event) => choose((target as Element).closest<HTMLElement>(".tab")?.dataset["meter"] ?? chosen) });
const header = element("header", { class: "top" }, element("span", { class: "brand", translate: "no" }, "juntek"), tabs, themeSwitch(() => charts.redraw()));
const body = element("div");
const leave = element("button", { type: "button", class: "link", hidden: true, click: () => void signOut().then(() => gateway.look()) }, "Sign out");

const password = element("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
const enter = element("button", { type: "submit", class: "primary" }, "Sign in");
const trouble = element("p", { class: "trouble", role: "alert" });
const signInPage = element(
  "main",
  { class: "page page--sign-in", id: "main" },
  describe(
    "form",
    { class: "card sign-in", "aria-labelledby": "sign-in-title", submit: (event: Event) => void trySignIn(event) },
    describe("h1", { id: "sign-in-title" }, "Sign in"),
    describe("p", {}, "This page is protected by a password. A new one is set on the gateway: juntek web password"),
    // Password managers look for a name; there is only one here.
    describe("input", { type: "text", autocomplete: "username", value: "juntek", hidden: true, readonly: true }),
    describe("label", { for: "password" }, "Password"),
    password,
    trouble,
    enter,
  ),
);

let chosen: string | null = readPlace(location.hash).meter;
let writing = 0;
let yesterday: Day | null = null;
let ofYesterday = "";

function react(change: Change, meter?: string): void {
  if (change === "meters") choose(chosen, true);
  if (change === "back") {
    charts.refresh();
    void energy.load();
  }
  if (change === "reading" && meter !== chosen) return drawTabs();
  draw();
}

function draw(): void {
  if (gateway.needsPassword) return showSignIn();
  const meter = chosen === null ? undefined : gateway.meter(chosen);
  const time = now();
  const age = ageOf(gateway, meter, time);
  void lookAtYesterday(time);
  leave.hidden = !gateway.hasPassword;
  charts.show(meter, gateway.health?.exports ?? ["csv"]);
  if (meter) settings.show(meter, gateway.token);
  drawTabs();
  update(body, describe("a", { class: "skip", href: "#main", click: skip }, "Skip to the battery"), header, page(meter, age, time));
  setPace(body, Math.abs(meter?.latest?.power ?? 0));
  const charge = meter?.latest?.state_of_charge ?? null;
  const name = meter?.name ?? "juntek";
  const heading = charge === null ? name : `${age === "" ? "" : "(old) "}${number(charge, 0)} % · ${name}`;
  if (document.title !== heading) document.title = heading;
}

function page(meter: Meter | undefined, age: string, time: number): Description {
  return describe(
    "main",
    { class: "page", id: "main", tabindex: "-1" },
    describe("h1", { class: "only-read" }, meter?.name ?? "juntek"),
    describe("div", { class: "notices", role: "status", "aria-live": "polite" }, ...noticesOf(gateway, meter, time).map(({ kind, text }) => describe("p", { class: "notice", "data-kind": kind }, text))),
    overview(meter, age, yesterday),
    batteryCard(meter?.latest ?? null),
    describe("div", { class: "past", hidden: !meter || !hasHistory() }, charts.element, energy.element),
    describe("p", { class: "card quiet", id: "no-history", hidden: !meter || hasHistory() }, "No history is kept, so there are no charts; add [history] to the gateway's configuration."),
    describe("section", { class: "meter", id: "meter", hidden: !meter, "aria-labelledby": "meter-title" },
      describe("h2", { id: "meter-title", class: "only-read" }, "Meter"), ...(meter ? [...meterCards(meter), settings.element] : [])),
    gatewayCard(gateway.goneSince === null ? gateway.health : null, leave),
    describe("p", { class: "quiet zone", hidden: !isElsewhere() }, `All times are those of the gateway, ${zoneName()}.`),
  );
}

/** The address keeps the meter, so the link may not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#main")?.focus();
}

/** Asks how much it was yesterday, once for each meter and day. */
async function lookAtYesterday(time: number): Promise<void> {
  const day = add(isoDate(time), "day", -1);
  const wanted = `${chosen} ${day}`;
  if (chosen === null || !gateway.health || !hasHistory() || wanted === ofYesterday) return;
  ofYesterday = wanted;
  yesterday = null;
  const [row = null] = await getDays(chosen, day, day, "day", new AbortController().signal).catch(() => []);
  if (wanted === ofYesterday) yesterday = row;
}

function hasHistory(): boolean {
  return gateway.health?.history?.state !== "off";
}

function drawTabs(): void {
  const made = gateway.meters.map(({ name, available, latest }) => {
    const charge = latest?.state_of_charge ?? null;
    return describe(
      "button",
      { type: "button", class: available ? "tab" : "tab is-silent", "data-meter": name, "aria-current": name === chosen && "true" },
      describe("span", { class: "tab__name" }, name),
      describe("span", { class: "tab__charge" }, charge === null ? NOTHING : `${number(charge, 0)}\u00a0%`),
    );
  });
  update(tabs, ...made);
}

function choose(name: string | null, isNew = false): void {
  const meter = gateway.meter(name ?? "") ?? gateway.meters[0];
  const before = chosen;
  chosen = meter?.name ?? null;
  if (!meter || (before === chosen && !isNew)) return;
  const place = readPlace(location.hash);
  charts.setMeter(meter.name, timeOf(meter.first), place);
  if (hasHistory()) energy.setMeter(meter.name);
  remember({ ...place, meter: meter.name });
  draw();
}

/** A moving chart would write the address too often: browsers refuse that. */
function remember(place: Parameters<typeof writePlace>[0]): void {
  window.clearTimeout(writing);
  writing = window.setTimeout(() => history.replaceState(null, "", writePlace(place)), 250);
}

function showSignIn(): void {
  if (signInPage.isConnected) return;
  document.title = "juntek";
  update(body, signInPage);
  password.focus();
}

async function trySignIn(event: Event): Promise<void> {
  event.preventDefault();
  enter.disabled = true;
  say(trouble, "");
  try {
    await signIn(password.value);
    password.value = "";
    void gateway.look();
  } catch (error) {
    say(trouble, reasonOf(error, "The gateway did not answer; try again."));
    password.select();
  }
  enter.disabled = false;
}

document.body.append(body);
draw();
gateway.start();
window.setInterval(() => {
  if (!document.hidden) draw();
}, 1000);
window.addEventListener("hashchange", () => {
  const { meter } = readPlace(location.hash);
  choose(meter ?? chosen, true);
});
