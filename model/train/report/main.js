// Reads the data of the page and puts everything in its place.

function mainSection([id, title, content]) {
  if (id === "answer") {
    return content[0];
  }
  return dom("section", { id }, dom("h2", {}, title), content);
}

function mainDraw(page) {
  const report = page.kind === "calibration" ? calibrationPage(page) : experimentPage(page);
  document.title = `${report.title} – ctr report`;
  document.getElementById("top").append(
    dom("p", { class: "eyebrow" }, page.kind === "calibration" ? "ctr calibrate" : "ctr experiment"),
    dom("h1", {}, report.title), dom("p", { class: "subtitle" }, report.subtitle));
  document.getElementById("contents").append(
    dom("ul", {}, report.sections.map(([id, title]) => dom("li", {}, dom("a", { href: `#${id}` }, title)))));
  document.getElementById("main").append(...report.sections.map(mainSection));
  document.getElementById("foot").append(
    dom("p", {}, "Made by ctr. One file, no network: keep it, send it, print it. Drawn with D3 (licence in the source of the page)."));
  document.documentElement.dataset.drawn = "yes";
}

try {
  mainDraw(JSON.parse(document.getElementById("data").textContent));
} catch (error) {
  document.getElementById("main").replaceChildren(dom("p", { class: "caution" },
    `The data of this page are not what it can draw (${error.message}). An experiment's numbers stand in results.json and results.md beside it.`));
  throw error;
}
