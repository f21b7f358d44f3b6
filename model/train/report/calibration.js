// The page of `ctr calibrate`: which map was put into the model, and what each map does to the probabilities.

const CALIBRATION_MEASURES = [
  { key: "logloss", title: "LogLoss", aim: "lower is better", digits: 5, better: "lower" },
  { key: "pcoc", title: "PCOC", aim: "1 is right", digits: 4, better: "one" },
  { key: "slope", title: "slope", aim: "1 is right", digits: 3, better: "one" },
  { key: "intercept", title: "intercept", aim: "0 is right", digits: 3, better: "zero" },
  { key: "ece_100", title: "pooled ECE", aim: "lower is better", digits: 5, better: "lower" },
  { key: "ece_10", title: "pooled ECE, 10 buckets", aim: "lower is better", digits: 5, better: "lower" },
  { key: "brier", title: "Brier", aim: "lower is better", digits: 5, better: "lower" },
];

// Where a map was measured, from the most to the least to be trusted.
const CALIBRATION_PARTS = [
  ["test", "Test data", "Data that neither training nor the fit of the maps has seen."],
  ["cv", "Out of fold", "Each document by a map that was fitted without its part of the data: what the choice looked at."],
  ["fit", "Data of the fit", "The documents that the maps were fitted on: flattering, most of all for maps with many steps."],
];

function calibrationRows(page) {
  return (Array.isArray(page.rows) ? page.rows : []).filter((row) => row && typeof row === "object")
    .map((row) => ({ ...row, method: row.chosen ? "clid" : "base", title: String(row.map ?? "?") }));
}

function calibrationParts(rows) {
  return CALIBRATION_PARTS.filter(([part]) => rows.some((row) => numberIs(row[part]?.logloss)));
}

function calibrationPage(page) {
  const rows = calibrationRows(page);
  const parts = calibrationParts(rows);
  return {
    title: `Calibration of ${page.model ?? "a model"}`,
    subtitle: [page.data ? `fitted on ${page.data}` : "", page.test ? `tested on ${page.test}` : ""].filter(Boolean).join(" · "),
    sections: [
      ["answer", "Answer", [calibrationAnswer(page, rows, parts)]],
      ["evidence", "Do the probabilities hold?", [calibrationReliability(page, rows)]],
      ["maps", "All maps", [...parts.map((part) => calibrationTable(rows, part)), calibrationWhy(rows)]],
      ["reading", "How to read this", [aboutReading(CALIBRATION_WORDS)]],
    ],
  };
}

const CALIBRATION_BINS = { test: ", test data", "cross-validation": ", out of fold" };

const CALIBRATION_WORDS = ["LogLoss", "Calibration", "PCOC", "Slope", "ECE, pooled ECE"];

function calibrationAnswer(page, rows, parts) {
  const chosen = rows.find((row) => row.chosen);
  // "as it was" is the map that the model had; without one it answered by the identity.
  const before = rows.find((row) => row.map === "as it was") ?? rows.find((row) => row.map === "identity") ?? rows[0];
  if (!chosen || parts.length === 0) {
    return dom("section", { id: "answer", class: "answer" }, dom("h2", {}, "No map was chosen"),
      dom("p", {}, "Nothing has been measured, so there is nothing to compare."));
  }
  const [part, , words] = parts[0];
  const [a, b] = [before[part] ?? {}, chosen[part] ?? {}];
  const same = chosen === before;
  const percent = (100 * (b.logloss - a.logloss)) / a.logloss;
  return dom("section", { id: "answer", class: "answer" },
    dom("p", { class: "eyebrow" }, "The map in the model"),
    dom("h2", {}, same ? "Leave the probabilities as they are" : `Serve with the map “${chosen.title}”`),
    dom("p", { class: "summary" }, (same ? "No map was found that does better beyond the fit. "
      : `LogLoss ${numberText(a.logloss, 5)} → ${numberText(b.logloss, 5)} (${numberSigned(percent, 2)} %). `) + `Measured on: ${parts[0][1].toLowerCase()}. ${words}`),
    dom("div", { class: "tiles" }, ["pcoc", "slope", "ece_100"].map((key) => calibrationTile(key, a, b, same))));
}

function calibrationTile(key, before, after, same) {
  const measure = CALIBRATION_MEASURES.find((one) => one.key === key);
  const text = (value) => numberText(value, measure.digits);
  const gain = measuresBadness(measure, before[key]) - measuresBadness(measure, after[key]);
  const mood = same || !numberIs(gain) || gain === 0 ? "" : gain > 0 ? "good" : "bad";
  return answerTile(measure.title, same ? text(after[key]) : `${text(before[key])} → ${text(after[key])}`, measure.aim, mood);
}

function calibrationReliability(page, rows) {
  return reliabilityFigure({
    id: "reliability", title: "Promise and clicks, map by map",
    lead: `Documents in bins of equal size by the probability promised${CALIBRATION_BINS[page.reliability_of] ?? ""}. ` +
      "The chosen map is blue.",
    panels: rows.map((row) => ({ key: row.method, title: row.title, hint: row.chosen ? "in the model" : "",
      bins: reliabilityBins(row.reliability, 1) })),
    absent: "No map has bins of promised and observed clicks.",
  });
}

function calibrationTable(rows, [part, title, words]) {
  const shown = rows.filter((row) => numberIs(row[part]?.logloss));
  const measures = CALIBRATION_MEASURES.filter(({ key }) => shown.some((row) => numberIs(row[part][key])));
  const best = new Map(measures.map((measure) => [measure.key, d3.least(shown.filter((row) => numberIs(row[part][measure.key])),
    (row) => measuresBadness(measure, row[part][measure.key]))]));
  return [dom("h3", {}, title), dom("p", { class: "lead" }, words), domTable({
    caption: title, className: "measures",
    head: ["Map", ...measures.map((measure) => ({ content: dom("span", {}, measure.title, dom("small", {}, measure.aim)), class: "number" }))],
    rows: shown.map((row) => ({
      className: row.chosen ? "clid" : "",
      cells: [{ content: row.title + (row.chosen ? " (in the model)" : "") }, ...measures.map((measure) => ({
        content: numberText(row[part][measure.key], measure.digits),
        class: best.get(measure.key) === row ? "number best" : "number",
      }))],
    })),
  })];
}

function calibrationWhy(rows) {
  const why = rows.filter((row) => row.why);
  return why.length === 0 ? null : dom("ul", {}, why.map((row) => dom("li", {}, `${row.title} stayed the identity: ${row.why}.`)));
}
