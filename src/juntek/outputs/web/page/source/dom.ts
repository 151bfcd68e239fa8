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

/** Returns the lines of a list of names and values. */
export function facts(rows: readonly (readonly [string, string | HTMLElement])[]): HTMLElement[] {
  return rows.map(([label, content]) =>
    element("div", { class: "fact" }, element("dt", {}, label), typeof content === "string" ? element("dd", {}, content) : content),
  );
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
