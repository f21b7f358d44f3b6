// Elements of the page. Texts become text nodes, never markup: data cannot add elements.

// dom("p", { class: "lead" }, "text", element, [more]); null children are left out.
function dom(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// A table that scrolls by itself on a narrow screen. A cell is a text, an element, or
// { content, class, title }. The first cell of a row is its heading.
function domTable({ caption, head, rows, className = "" }) {
  const cell = (name, value, scope, place) => {
    const { content, ...attributes } = value instanceof Object && !(value instanceof Node) ? value : { content: value };
    if (place > 0 && !("class" in attributes)) {
      attributes.class = "number";
    }
    return dom(name, { scope, ...attributes }, content);
  };
  const headings = head.map((value, place) => cell("th", value, "col", place));
  const lines = rows.map((row) =>
    dom("tr", { class: row.className },
      row.cells.map((value, place) =>
        place === 0 ? cell("th", value, "row", place) : cell("td", value, null, place))));
  return dom("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    dom("table", { class: className },
      dom("caption", {}, caption), dom("thead", {}, dom("tr", {}, headings)), dom("tbody", {}, lines)));
}

let domToggleCount = 0;

// A choice of one among few: native radio buttons. `pick` is called with the value chosen.
function domToggle(label, options, pick) {
  domToggleCount += 1;
  const group = `toggle-${domToggleCount}`;
  const buttons = options.map(([value, text], place) => {
    const input = dom("input", { type: "radio", name: group, value, checked: place === 0 });
    input.addEventListener("change", () => pick(value));
    return dom("label", {}, input, dom("span", {}, text));
  });
  return dom("fieldset", { class: "toggle" }, dom("legend", {}, label), buttons);
}
