/** Makes elements; rule: text is always text, never markup, so that nothing from the gateway can become part of the page. */

/** What an element is to be: made once, or held against what is there already. */
export type Description = Readonly<{ tag: string; properties: Properties; children: readonly Child[] }>;

export type Child = Node | Description | string | null | undefined | false;

/** A function becomes a listener, false and null leave an attribute out. */
type Properties = Readonly<Record<string, string | number | boolean | null | undefined | Style | ((event: never) => void)>>;

/** By the names of CSS; set one by one, as the page's own policy lets no text through. */
type Style = Readonly<Record<string, string>>;

export const describe = (tag: string, properties: Properties = {}, ...children: Child[]): Description => ({ tag, properties, children });

/** Returns an element that is there for good. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Properties = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return make({ tag, properties, children }) as HTMLElementTagNameMap[K];
}

/** Makes what is described, in the language of its parent: a drawing begins with svg. */
export function make({ tag, properties, children }: Description, language: string | null = "http://www.w3.org/1999/xhtml"): HTMLElement {
  const made = document.createElementNS(tag === "svg" ? "http://www.w3.org/2000/svg" : language, tag) as HTMLElement;
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name, value as EventListener);
    else set(made, name, value);
  }
  fill(made, ...children);
  return made;
}

/** Replaces the children of an element. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter(isThere).map((child) => nodeOf(child, parent)));
}

/**
 * Makes the children of an element the wanted ones. What stands in the same place only takes what is new, so that nothing
 * is said twice by a screen reader, what is marked stays marked, and what moves goes on; it keeps its listeners.
 */
export function update(parent: Element, ...children: readonly Child[]): void {
  const wanted = children.filter(isThere);
  wanted.forEach((child, index) => {
    const before = parent.childNodes[index];
    if (before === child) return;
    if (!before) parent.append(nodeOf(child, parent));
    else if (isDescription(child) && before instanceof Element && before.localName === child.tag) takeOver(before as HTMLElement, child);
    else if (typeof child !== "string" || !(before instanceof Text)) before.replaceWith(nodeOf(child, parent));
    else if (before.data !== child) before.data = child;
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove();
}

/** Makes an element what is described; what is not mentioned stays as it is. */
export function takeOver(target: HTMLElement, { properties, children }: Description): void {
  for (const [name, value] of Object.entries(properties)) if (typeof value !== "function") set(target, name, value);
  update(target, ...children);
}

function set(target: HTMLElement, name: string, value: Exclude<Properties[string], (event: never) => void>): void {
  if (value === null || value === undefined || value === false) return target.removeAttribute(name);
  if (typeof value === "object") return Object.entries(value).forEach(([key, text]) => target.style.setProperty(key, text));
  const text = value === true ? "" : String(value);
  if (target.getAttribute(name) !== text) target.setAttribute(name, text);
}

function nodeOf(child: Node | Description | string, parent: Element): Node {
  return isDescription(child) ? make(child, parent.namespaceURI) : typeof child === "string" ? new Text(child) : child;
}

const isThere = (child: Child): child is Node | Description | string => child !== null && child !== undefined && child !== false;
const isDescription = (child: Node | Description | string): child is Description => typeof child === "object" && !(child instanceof Node);

/** Sets the text of an element only when it is another one: a screen reader would say it again. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Returns a card of the page with its title, what stands beside that, and what it holds; without that it is hidden. */
export function card(id: string, title: string, beside: Child[], ...children: Child[]): Description {
  const head = describe("div", { class: "card__head" }, describe("h2", { id: `${id}-title` }, title), ...beside);
  return describe("section", { class: `card ${id}`, id, "aria-labelledby": `${id}-title`, hidden: children.length === 0 }, head, ...children);
}

/** One of a few, as a row of buttons. */
export function choice<T extends string>(label: string, texts: Readonly<Record<T, string>>, chosen: T | null, choose: (name: T) => void): Description {
  const names = Object.keys(texts) as T[];
  const buttons = names.map((name) => describe("button", { type: "button", "aria-pressed": String(name === chosen), click: () => choose(name) }, texts[name]));
  return describe("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
}

/** Returns a table; of each row the first cell is its head. */
export function table(caption: Description, heads: readonly string[], rows: readonly (readonly [string, ...Description[]])[]): Description {
  const head = describe("tr", {}, ...heads.map((label) => describe("th", { scope: "col" }, label)));
  const body = rows.map(([label, ...cells]) => describe("tr", {}, describe("th", { scope: "row" }, label), ...cells));
  return describe("table", {}, caption, describe("thead", {}, head), describe("tbody", {}, ...body));
}

/** Names and their values; null where there is nothing to be said. */
export type Facts = readonly (readonly [string, string | null])[];

/** Returns a list of names and values. */
export function facts(all: Facts): Description {
  const rows = all.filter(([, value]) => value !== null);
  return describe("dl", { class: "facts" }, ...rows.map(([name, value]) => describe("div", { class: "fact" }, describe("dt", {}, name), describe("dd", {}, value))));
}

/** The few drawings of the page: strokes in the colour of the text, hidden from screen readers. */
const SHAPES = {
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.2A8.2 8.2 0 0 1 9.8 4a8.2 8.2 0 1 0 10.2 10.2z",
  house: "M4 11.2 12 4.5l8 6.7M6.2 9.6V19.5h11.6V9.6M12.6 11.2l-2.2 3.2h3.2l-2.2 3.1",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  check: "m5.5 12.5 4.3 4.3L18.5 8",
  clock: "M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M12 8v4.3l2.8 1.7",
  alert: "M12 5.5v8M12 18v.2",
  cross: "m7 7 10 10M17 7 7 17",
} as const;

export function icon(name: keyof typeof SHAPES): Description {
  return describe("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, describe("path", { d: SHAPES[name] }));
}

/** `isOff`: it does nothing now, where that can be. */
export function iconButton(label: string, name: keyof typeof SHAPES, click: () => void, isOff?: boolean): Description {
  return describe("button", { type: "button", class: "round", "aria-label": label, title: label, "aria-disabled": isOff === undefined ? null : String(isOff), click }, icon(name));
}
