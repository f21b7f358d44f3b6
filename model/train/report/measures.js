// The table of the paper: methods by measures, mean ± half-width of the 95 % interval over seeds, and what differs from
// CLID beyond doubt.

// The measures of the paper's table and of serving; the others follow in a second table.
const MEASURES_FIRST = ["ndcg10", "logloss", "ece_list", "gauc", "ece_100", "pcoc", "slope", "true_error", "regret_percent"];

function measuresOf(page) {
  return (Array.isArray(page.measures) ? page.measures : []).filter((measure) => measure && typeof measure.key === "string");
}

// Distance from the ideal, so that less is always better.
function measuresBadness(measure, mean) {
  const ideal = { one: 1, zero: 0 }[measure.better];
  if (ideal !== undefined) {
    return Math.abs(mean - ideal);
  }
  return measure.better === "higher" ? -mean : mean;
}

function measuresBest(methods, measure) {
  const students = methods.filter((method) => method.role !== "teacher" && numberIs(method.test?.[measure.key]?.mean));
  return students.length < 2 ? null
    : d3.least(students, (method) => measuresBadness(measure, method.test[measure.key].mean));
}

function measuresCell(method, measure, best, clid) {
  const field = method.test?.[measure.key];
  const digits = measure.digits ?? 4;
  const gap = method.vs_clid?.[measure.key];
  const classes = ["number"];
  let sign = null;
  if (method === best) {
    classes.push("best");
  }
  if (gap?.significant === true && numberIs(field?.mean) && numberIs(clid?.test?.[measure.key]?.mean)) {
    const better = measuresBadness(measure, field.mean) < measuresBadness(measure, clid.test[measure.key].mean);
    sign = dom("span", { class: better ? "sign good" : "sign bad" }, better ? "▲" : "▼",
      dom("span", { class: "hidden" }, better ? " better than CLID" : " worse than CLID"));
  }
  const title = gap ? `minus CLID: ${numberSigned(gap.mean, digits)} (${numberInterval(gap, digits)})` : null;
  const half = numberIs(field?.half) ? dom("small", {}, `± ${numberText(field.half, digits)}`) : null;
  return { content: [dom("span", { class: "mean" }, sign, numberText(field?.mean, digits)), half], class: classes.join(" "), title };
}

function measuresHead(measure) {
  const aim = { higher: "higher is better", lower: "lower is better", one: "1 is right", zero: "0 is right" };
  return { content: dom("span", {}, measure.title ?? measure.key, dom("small", {}, aim[measure.better] ?? "")), class: "number" };
}

function measuresTable(methods, measures, caption) {
  const clid = methods.find((method) => method.method === "clid");
  const best = new Map(measures.map((measure) => [measure.key, measuresBest(methods, measure)]));
  return domTable({
    caption, className: "measures",
    head: ["Method", ...measures.map(measuresHead)],
    rows: methods.map((method) => ({
      className: [method.role === "teacher" ? "teacher" : "", method.method === "clid" ? "clid" : ""].join(" "),
      cells: [
        { content: dom("span", { class: "name", style: `--own: ${methodsStyle(method.method).color}` }, methodsTitle(method)) },
        ...measures.map((measure) => measuresCell(method, measure, best.get(measure.key), clid)),
      ],
    })),
  });
}

function measuresSection(page, methods) {
  const all = measuresOf(page).filter((measure) => methods.some((method) => typeof method.test?.[measure.key]?.mean === "number"));
  const first = MEASURES_FIRST.map((key) => all.find((measure) => measure.key === key)).filter(Boolean);
  const rest = all.filter((measure) => !first.includes(measure));
  if (first.length + rest.length === 0) {
    return [figureAbsent({ id: "table", title: "All methods", words: "No method has a measured test set." })];
  }
  const seeds = (page.seeds ?? []).length;
  const key = dom("p", { class: "lead" },
    seeds === 1 ? "Test set, one seed: no intervals. Bold: " : ["Test set, mean over the seeds ± half of the 95 % interval. ",
      dom("span", { class: "sign good" }, "▲"), "better, ", dom("span", { class: "sign bad" }, "▼"),
      "worse than CLID beyond doubt (paired by seed); bold: "],
    "the best student. Teachers, marked †, are there to teach and are never served.");
  return [
    dom("h3", { id: "table" }, "All methods"), key,
    first.length > 0 ? measuresTable(methods, first, "Measures on the test set") : null,
    rest.length > 0 ? dom("details", {}, dom("summary", {}, `${rest.length} more measures`),
      measuresTable(methods, rest, "Further measures on the test set")) : null,
  ];
}
