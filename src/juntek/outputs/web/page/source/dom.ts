/** Makes elements; rule: text is always text, never markup, so that nothing from the gateway can become part of the page. */

type Child = Node | string | null | undefined | false;

type Properties = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** Returns an element; a function becomes a listener, false and null leave an attribute out. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Properties = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return make(document.createElement(tag), properties, children);
}

/** Returns an element of a drawing. */
export function drawn<K extends keyof SVGElementTagNameMap>(tag: K, properties: Properties = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return make(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** Returns a card of the page with its title, what stands beside that, and what it holds. */
export function card(id: string, title: string, beside: Child[], ...children: Child[]): HTMLElement {
  const head = element("div", { class: "card__head" }, element("h2", { id: `${id}-title` }, title), ...beside);
  return element("section", { class: `card ${id}`, id, "aria-labelledby": `${id}-title` }, head, ...children);
}

/** Returns a table; of each row the first cell is its head. */
export function table(caption: HTMLElement, heads: readonly string[], rows: readonly (readonly [string, ...HTMLElement[]])[]): HTMLTableElement {
  const head = element("tr", {}, ...heads.map((label) => element("th", { scope: "col" }, label)));
  const body = rows.map(([label, ...cells]) => element("tr", {}, element("th", { scope: "row" }, label), ...cells));
  return element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body));
}

/** Names and their values. */
export type Facts = readonly (readonly [string, string])[];

/** Shows names and values in a list; one that only says another value keeps its place, so that what is marked stays marked. */
export function showFacts(list: HTMLElement, rows: Facts): HTMLElement {
  const names = [...list.querySelectorAll("dt")].map((name) => name.textContent);
  if (names.join("\n") !== rows.map(([name]) => name).join("\n")) {
    fill(list, ...rows.map(([name]) => element("div", { class: "fact" }, element("dt", {}, name), element("dd"))));
  }
  list.querySelectorAll("dd").forEach((place, index) => say(place, rows[index]?.[1] ?? ""));
  return list;
}

/** Replaces the children of an element. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter(isThere));
}

/** Sets the text of an element only when it is another one: a screen reader would say it again. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function make<E extends Element>(made: E, properties: Properties, children: Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value as EventListener);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter(isThere));
  return made;
}

function isThere(child: Child): child is Node | string {
  return child !== null && child !== undefined && child !== false;
}
