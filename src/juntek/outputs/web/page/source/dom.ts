/** Makes elements; rule: text is always text, never markup, so that nothing from the gateway can become part of the page. */

type Child = Node | string | null | undefined | false;

type Properties = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** Returns an element; a function becomes a listener, false and null leave an attribute out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  apply(made, properties);
  append(made, children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element of a drawing. */
export function drawn<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  apply(made, properties);
  append(made, children);
  return made;
}

/** Returns a table; of each row the first cell is its head. */
export function table(caption: HTMLElement, heads: readonly HTMLElement[], rows: readonly (readonly HTMLElement[])[]): HTMLTableElement {
  const body = rows.map((cells) => element("tr", {}, ...cells));
  return element("table", {}, caption, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
}

export function columnHead(label: string): HTMLElement {
  return element("th", { scope: "col" }, label);
}

export function rowHead(label: string): HTMLElement {
  return element("th", { scope: "row" }, label);
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
  parent.textContent = "";
  append(parent, children);
}

/** Sets the text of an element only when it is another one: a screen reader would say it again. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function apply(made: Element, properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value as EventListener);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child);
  }
}
