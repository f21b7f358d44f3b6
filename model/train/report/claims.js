// The orderings that the paper's results support (A1-A12), each as seen, not seen, or not tested here, with its checks.

const CLAIMS_STATES = new Map([
  [true, ["seen", "✓ seen"]],
  [false, ["unseen", "✗ not seen"]],
  [null, ["untested", "– not tested"]],
]);

function claimsState(seen) {
  return CLAIMS_STATES.get(seen === true || seen === false ? seen : null);
}

function claimsKnown(list) {
  return Array.isArray(list) ? list.filter((one) => one && typeof one === "object") : [];
}

function claimsSection(page) {
  const claims = claimsKnown(page.claims);
  if (claims.length === 0) {
    return [figureAbsent({ id: "claims-list", title: "The orderings one by one",
      words: "This experiment has too few methods or settings for any of the paper's orderings." })];
  }
  const counts = [...CLAIMS_STATES.keys()].map((seen) =>
    [claims.filter((claim) => claimsState(claim.seen) === claimsState(seen)).length, CLAIMS_STATES.get(seen)]);
  return [
    dom("p", { class: "lead" }, "What the paper's intervals support, checked here with paired seeds. Each bar is the 95 % interval of a " +
      "difference, the tick is zero; a check that is only reported does not decide."),
    dom("p", { class: "counts" }, counts.filter(([n]) => n > 0).map(([n, [name, text]]) =>
      dom("span", { class: `badge ${name}` }, `${text}: ${n}`))),
    dom("div", { id: "claims-list", class: "claims" }, claims.map(claimsCard)),
  ];
}

function claimsCard(claim) {
  const [name, text] = claimsState(claim.seen);
  const checks = claimsKnown(claim.checks);
  return dom("article", { class: `claim ${name}` },
    dom("header", {},
      dom("span", { class: "id" }, String(claim.id ?? "")),
      dom("h4", {}, String(claim.claim ?? "")),
      dom("span", { class: `badge ${name}` }, text)),
    checks.length > 0 ? dom("ul", {}, checks.map(claimsCheck)) : null,
    claim.note ? dom("p", { class: "why" }, String(claim.note)) : null,
    claim.words ? dom("p", { class: "why" }, String(claim.words)) : null);
}

function claimsCheck(check) {
  const [name, text] = claimsState(check.seen);
  const digits = claimsDigits(check);
  const numbers = numberIs(check.mean) ? `${numberSigned(check.mean, digits)} (${numberInterval(check, digits)})` : "not measured";
  const spread = check.interval && check.interval !== "paired seeds" ? `interval: ${check.interval}` : "";
  const asked = [check.rule, check.note, spread].filter(Boolean).join("; ");
  return dom("li", {},
    dom("span", { class: `dot ${name}`, role: "img", "aria-label": text.slice(2), title: text.slice(2) }, text.slice(0, 1)),
    dom("span", { class: "what" }, String(check.what ?? "").replaceAll(" - ", " − "),
      dom("small", {}, [asked ? `asked: ${asked}` : "", check.required === false ? " (reported only)" : ""].join(""))),
    claimsBar(check, name),
    dom("span", { class: "number" }, numbers));
}

function claimsDigits({ low, mean, high }) {
  const size = d3.max([low, mean, high].filter(numberIs), Math.abs);
  return size >= 10 ? 1 : size >= 0.1 ? 3 : 5;
}

// A bar on an axis of its own with zero in the middle: the side and the distance matter, not the scale.
function claimsBar(check, name) {
  const bounds = [check.low, check.mean, check.high].filter(numberIs);
  const reach = d3.max(bounds, Math.abs);
  if (bounds.length === 0 || !(reach > 0)) {
    return dom("span", { class: "bar" });
  }
  const x = d3.scaleLinear().domain([-reach, reach]).range([6, 134]);
  const svg = d3.create("svg").attr("class", `bar ${name}`).attr("width", 140).attr("height", 18).attr("aria-hidden", "true");
  svg.append("line").attr("class", "zero").attr("x1", 70).attr("x2", 70).attr("y1", 2).attr("y2", 16);
  if (numberIs(check.low) && numberIs(check.high)) {
    svg.append("line").attr("class", "mark interval").attr("x1", x(check.low)).attr("x2", x(check.high)).attr("y1", 9).attr("y2", 9);
  }
  if (numberIs(check.mean)) {
    svg.append("circle").attr("class", "mark").attr("cx", x(check.mean)).attr("cy", 9).attr("r", 4);
  }
  return svg.node();
}
