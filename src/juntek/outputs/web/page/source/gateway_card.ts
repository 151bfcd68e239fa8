/** The gateway, and how everything does that its readings go to; rule: shown only while the gateway itself tells it. */

import type { Health } from "api-types";
import { card, element, fill, say } from "./dom.ts";
import { seconds } from "./format.ts";
import { icon } from "./icons.ts";
import { type Receiver, receiversOf } from "./receivers.ts";
import { TEXT } from "./strings.ts";

const ICONS = { well: "check", starting: "clock", behind: "clock", trouble: "alert", away: "cross" } as const;

export class GatewayCard {
  readonly element: HTMLElement;
  private readonly about = element("p", { class: "card__told quiet" });
  private readonly list = element("ul", { class: "receivers", role: "list", "aria-labelledby": "receivers-title" });
  private readonly none = element("p", { class: "quiet" }, TEXT.receiversNone);
  private shown = "";

  constructor() {
    this.element = card("gateway", TEXT.gateway, [this.about], element("h3", { id: "receivers-title" }, TEXT.receivers), this.list, this.none);
  }

  /** `isGone`: the gateway does not answer, so that nobody knows how anything does. */
  show(health: Health | null, isGone: boolean): void {
    this.element.hidden = health === null || isGone;
    if (health === null || isGone) return;
    const { version, uptime, sinks } = health;
    say(this.about, `${TEXT.product} ${version}, ${TEXT.running(seconds(uptime))}`);
    const receivers = receiversOf(sinks);
    const state = JSON.stringify(receivers);
    if (state === this.shown) return;
    this.shown = state;
    fill(this.list, ...receivers.map(receiver));
    this.list.hidden = receivers.length === 0;
    this.none.hidden = receivers.length > 0;
  }
}

function receiver({ sink, name, mark, state, missed, error }: Receiver): HTMLElement {
  const line = (part: string, text: string): HTMLElement | null =>
    text === "" ? null : element("p", { class: part === "name" ? "receiver__name" : `quiet receiver__${part}` }, text);
  return element(
    "li",
    { class: "receiver", "data-sink": sink, "data-mark": mark },
    element("span", { class: "receiver__mark" }, icon(ICONS[mark])),
    element("div", { class: "receiver__told" }, line("name", name), line("state", state), line("missed", missed), line("error", error)),
  );
}
