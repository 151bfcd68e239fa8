/** Makes elements; rule: text is always text, never markup, so that nothing from the gateway can become part of the page. */

type Child = Node | string | null | undefined | false;

type Properties = Record<string, string | number | boolean | null | undefined | Style | ((event: never) => void)>;

/** By the names of CSS; set one by one, as the page's own policy lets no text through. */
type Style = Readonly<Record<string, string>>;

/** Returns an element; a function becomes a listener, false and null leave an attribute out. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Properties = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return make(document.createElement(tag), properties, children);
}

/** Returns an element of a drawing. */
export function drawn<K extends keyof SVGElementTagNameMap>(tag: K, properties: Properties = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return make(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** Returns a card of the page with its title, what stands beside that, and what it holds; without that it is hidden. */
export function card(id: string, title: string, beside: Child[], ...children: Child[]): HTMLElement {
  const head = element("div", { class: "card__head" }, element("h2", { id: `${id}-title` }, title), ...beside);
  return element("section", { class: `card ${id}`, id, "aria-labelledby": `${id}-title`, hidden: children.length === 0 }, head, ...children);
}

/** One of a few, as a row of buttons. */
export function choice<T extends string>(label: string, texts: Readonly<Record<T, string>>, chosen: (name: T) => void): { element: HTMLElement; show(name: T | null): void } {
  const names = Object.keys(texts) as T[];
  const buttons = names.map((name) => element("button", { type: "button", click: () => chosen(name) }, texts[name]));
  return {
    element: element("div", { class: "choice", role: "group", "aria-label": label }, ...buttons),
    show: (chosen) => names.forEach((name, index) => buttons[index]?.setAttribute("aria-pressed", String(name === chosen))),
  };
}

/** Returns a table; of each row the first cell is its head. */
export function table(caption: HTMLElement, heads: readonly string[], rows: readonly (readonly [string, ...HTMLElement[]])[]): HTMLTableElement {
  const head = element("tr", {}, ...heads.map((label) => element("th", { scope: "col" }, label)));
  const body = rows.map(([label, ...cells]) => element("tr", {}, element("th", { scope: "row" }, label), ...cells));
  return element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body));
}

/** Names and their values; null where there is nothing to be said. */
export type Facts = readonly (readonly [string, string | null])[];

/** Returns a list of names and values. */
export function facts(all: Facts): HTMLElement {
  const rows = all.filter(([, value]) => value !== null);
  return element("dl", { class: "facts" }, ...rows.map(([name, value]) => element("div", { class: "fact" }, element("dt", {}, name), element("dd", {}, value))));
}

/** Replaces the children of an element. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter(isThere));
}

/**
 * Makes the children of an element look like the wanted ones. What stands in the same place only takes what is new, so
 * that nothing is said twice by a screen reader, what is marked stays marked, and what moves goes on; it keeps its listeners.
 */
export function update(parent: Element, ...children: Node[]): void {
  children.forEach((child, index) => {
    const before = parent.childNodes[index];
    if (before === child) return;
    if (!before) parent.append(child);
    else if (before.nodeName !== child.nodeName) before.replaceWith(child);
    else if (!(before instanceof Element)) before.nodeValue === child.nodeValue || (before.nodeValue = child.nodeValue);
    else takeOver(before as HTMLElement, child as HTMLElement);
  });
  while (parent.childNodes.length > children.length) parent.lastChild?.remove();
}

function takeOver(before: HTMLElement, wanted: HTMLElement): void {
  // Whether details are open is for whoever looks at them.
  for (const name of before.getAttributeNames()) if (!wanted.hasAttribute(name) && name !== "open") before.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (before.getAttribute(name) === value) continue;
    if (name === "style") before.style.cssText = value;
    else before.setAttribute(name, value);
  }
  update(before, ...wanted.childNodes);
}

/** Sets the text of an element only when it is another one: a screen reader would say it again. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function make<E extends Element>(made: E, properties: Properties, children: Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value as EventListener);
    else if (typeof value === "object") for (const [key, text] of Object.entries(value)) (made as unknown as HTMLElement).style.setProperty(key, text);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter(isThere));
  return made;
}

function isThere(child: Child): child is Node | string {
  return child !== null && child !== undefined && child !== false;
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

export function icon(name: keyof typeof SHAPES): SVGSVGElement {
  return drawn(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    drawn("path", { d: SHAPES[name] }),
  );
}

export function iconButton(label: string, name: keyof typeof SHAPES, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", class: "round", "aria-label": label, title: label, click }, icon(name));
}
