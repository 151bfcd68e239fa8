/** Puts the page together; rule: the gateway's state flows down to the parts, what one does flows up to here. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { getDays, now, reasonOf, signIn, signOut, timeOf } from "./api.ts";
import { BatteryCard } from "./battery_card.ts";
import { Charts } from "./charts.ts";
import { element, fill, say } from "./dom.ts";
import { Energy, add } from "./energy.ts";
import { NOTHING, isElsewhere, isoDate, number, zoneName } from "./format.ts";
import { type Change, Gateway } from "./gateway.ts";
import { GatewayCard } from "./gateway_card.ts";
import { MeterCard } from "./meter_card.ts";
import { ageOf, noticesOf } from "./notices.ts";
import { Overview } from "./overview.ts";
import { readPlace, writePlace } from "./span.ts";
import { themeSwitch } from "./theme.ts";

const gateway = new Gateway((change, meter) => react(change, meter));
const overview = new Overview();
const charts = new Charts(
  (meter) => gateway.recent.get(meter) ?? [],
  (seen) => remember({ meter: chosen, ...seen }),
);
const energy = new Energy();
const batteryCard = new BatteryCard();
const meterCard = new MeterCard();
const leave = element("button", { type: "button", class: "link", hidden: true, click: () => void signOut().then(() => gateway.look()) }, "Sign out");
const gatewayCard = new GatewayCard(leave);
const noHistory = element("p", { class: "card quiet", id: "no-history", hidden: true }, "No history is kept, so there are no charts; add [history] to the gateway's configuration.");

const zone = element("p", { class: "quiet zone", hidden: true });
const notices = element("div", { class: "notices", role: "status", "aria-live": "polite" });
const tabs = element("nav", { class: "tabs", "aria-label": "Meters" });
const title = element("h1", { class: "only-read" }, "juntek");
const brand = element("span", { class: "brand", translate: "no" }, "juntek");
const header = element("header", { class: "top" }, brand, tabs, themeSwitch(() => charts.redraw()));
const main = element("main", { class: "page", id: "main", tabindex: "-1" }, title, notices, overview.element, batteryCard.element, charts.element, energy.element, noHistory, meterCard.element, gatewayCard.element, zone);
const body = element("div", { class: "frame" });

let chosen: string | null = readPlace(location.hash).meter;
let isSignIn = false;
let writing = 0;
let ofYesterday = "";

function react(change: Change, meter?: string): void {
  if (change === "session") return showSignIn();
  if (isSignIn) showPage();
  if (change === "meters") choose(chosen, true);
  if (change === "back") {
    charts.refresh();
    energy.refresh();
  }
  if (change === "reading" && meter !== chosen) return drawTabs();
  draw();
}

function draw(): void {
  const meter = chosen === null ? undefined : gateway.meter(chosen);
  const time = now();
  const age = ageOf(gateway, meter, time);
  overview.show(meter, age);
  overview.element.hidden = meterCard.element.hidden = !meter;
  charts.element.hidden = energy.element.hidden = !meter || !hasHistory();
  noHistory.hidden = !meter || hasHistory();
  batteryCard.show(meter);
  meterCard.show(meter, gateway.token);
  gatewayCard.show(gateway.health, gateway.goneSince !== null);
  charts.show(meter, gateway.health?.exports ?? ["csv"]);
  zone.hidden = !isElsewhere();
  say(zone, `All times are those of the gateway, ${zoneName()}.`);
  void lookAtYesterday(time);
  leave.hidden = !gateway.hasPassword;
  drawTabs();
  drawNotices(time);
  const charge = meter?.latest?.state_of_charge ?? null;
  const name = meter?.name ?? "juntek";
  say(title, name);
  const heading = meter && charge !== null ? `${age === "" ? "" : "(old) "}${number(charge, 0)} % · ${name}` : name;
  if (document.title !== heading) document.title = heading;
}

/** Asks how much it was yesterday, once for each meter and day. */
async function lookAtYesterday(time: number): Promise<void> {
  const day = add(isoDate(time), "day", -1);
  const wanted = `${chosen} ${day}`;
  if (chosen === null || !gateway.known || !hasHistory() || wanted === ofYesterday) return;
  ofYesterday = wanted;
  overview.setYesterday(null);
  const [row = null] = await getDays(chosen, day, day, "day", new AbortController().signal).catch(() => []);
  if (wanted === ofYesterday) overview.setYesterday(row);
}

function hasHistory(): boolean {
  return gateway.health?.history?.state !== "off";
}

function drawNotices(time: number): void {
  const meter = chosen === null ? undefined : gateway.meter(chosen);
  const wanted = noticesOf(gateway, meter, time);
  // Only what changed is put anew: a screen reader says every new sentence.
  wanted.forEach(({ kind, text }, index) => {
    let shown = notices.children[index] as HTMLElement | undefined;
    if (!shown) {
      shown = element("p", { class: "notice" });
      notices.append(shown);
    }
    shown.dataset["kind"] = kind;
    say(shown, text);
  });
  while (notices.children.length > wanted.length) notices.lastElementChild?.remove();
}

function drawTabs(): void {
  if (tabs.children.length !== gateway.meters.length) {
    fill(tabs, ...gateway.meters.map(({ name }) => element("button", { type: "button", class: "tab", "data-meter": name, click: () => choose(name) }, element("span", { class: "tab__name" }, name), element("span", { class: "tab__charge" }))));
  }
  gateway.meters.forEach((meter, index) => {
    const tab = tabs.children[index] as HTMLElement;
    const charge = meter.latest?.state_of_charge ?? null;
    tab.classList.toggle("is-silent", !meter.available);
    if (meter.name === chosen) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
    say(tab.lastElementChild as Element, charge === null ? NOTHING : `${number(charge, 0)}\u00a0%`);
  });
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
  if (isSignIn) return;
  isSignIn = true;
  document.title = "juntek";
  const input = element("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
  const button = element("button", { type: "submit", class: "primary" }, "Sign in");
  const trouble = element("p", { class: "trouble", role: "alert" });
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    button.disabled = true;
    say(trouble, "");
    try {
      await signIn(input.value);
      void gateway.look();
    } catch (error) {
      say(trouble, reasonOf(error, "The gateway did not answer; try again."));
      input.select();
    }
    button.disabled = false;
  };
  const form = element(
    "form",
    { class: "card sign-in", "aria-labelledby": "sign-in-title", submit },
    element("h1", { id: "sign-in-title" }, "Sign in"),
    element("p", {}, "This page is protected by a password. A new one is set on the gateway: juntek web password"),
    // Password managers look for a name; there is only one here.
    element("input", { type: "text", autocomplete: "username", value: "juntek", hidden: true, readonly: true }),
    element("label", { for: "password" }, "Password"),
    input,
    trouble,
    button,
  );
  fill(body, element("main", { class: "page page--sign-in", id: "main" }, form));
  input.focus();
}

function showPage(): void {
  isSignIn = false;
  // The address keeps the meter, so the link may not change it.
  const skip = (event: Event): void => (event.preventDefault(), main.focus());
  fill(body, element("a", { class: "skip", href: "#main", click: skip }, "Skip to the battery"), header, main);
}

document.body.append(body);
showPage();
draw();
gateway.start();
window.setInterval(() => {
  if (!document.hidden && !isSignIn) draw();
}, 1000);
window.addEventListener("hashchange", () => {
  const { meter } = readPlace(location.hash);
  choose(meter ?? chosen, true);
});
