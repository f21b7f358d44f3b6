// GAUC and LogLoss relative to Base, beside the paper's production table, and whether its orderings are seen.

const PRODUCTION_STATES = { seen: "seen", contradicted: "unseen" };

function productionSection(page) {
  const production = page.production;
  if (!production || !Array.isArray(production.methods)) {
    return [];
  }
  return [
    dom("h3", { id: "production" }, "Relative to Base, beside the paper's production data"),
    dom("p", { class: "lead" }, "Test set, difference to Base in percent of it, with the 95 % interval of pairs of seeds; beside it what the paper " +
      `reports, without intervals (${production.source ?? "the paper"}). True error and regret are known on made data alone.`),
    productionTable(production.methods),
    productionOrderings(claimsKnown(production.orderings)),
  ];
}

function productionCell(field) {
  return { class: "number", content: !numberIs(field?.mean) ? NUMBER_ABSENT
    : [`${numberSigned(field.mean, 2)}`, dom("small", {}, ` ${numberInterval(field, 2)}`)] };
}

function productionTable(rows) {
  return domTable({
    caption: "Relative to Base, percent", className: "measures",
    head: ["Method", "GAUC, %", "GAUC, paper", "LogLoss, %", "LogLoss, paper", "True error", "Regret, %"],
    rows: rows.map((row) => ({ cells: [String(row.title ?? row.method), productionCell(row.gauc), numberSigned(row.paper?.gauc, 2),
      productionCell(row.logloss), numberSigned(row.paper?.logloss, 2), numberMean(row.true_error), numberMean(row.regret_percent, 3)] })),
  });
}

function productionOrderings(list) {
  const verdict = (item) => dom("span", { class: `badge ${PRODUCTION_STATES[item.verdict] ?? "untested"}` }, String(item.verdict ?? ""));
  return domTable({
    caption: "Orderings of that table", className: "settings",
    head: ["Ordering in the paper", "paper, % points", "here, %", "pairs", { content: "here", class: "words" }],
    rows: list.map((item) => ({ cells: [String(item.what ?? ""), numberSigned(item.paper, 2), productionCell(item),
      numberPlain(item.n), { content: verdict(item), class: "words" }] })),
  });
}
