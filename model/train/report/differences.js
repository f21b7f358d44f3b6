// Figures of intervals on the test set: differences to CLID, errors against the truth, money.

const DIFFERENCES_MEASURES = ["ndcg10", "logloss", "ece_100", "true_error", "regret_percent"];

function differencesFigure(page, methods) {
  const id = "differences";
  const title = "Every method against CLID, seed by seed";
  const rows = methods.filter((method) => method.method !== "clid" && method.vs_clid);
  const known = measuresOf(page).filter((measure) => rows.some((row) => numberIs(row.vs_clid[measure.key]?.mean)))
    .map((measure) => ({
      key: measure.key, title: measure.title ?? measure.key, hint: differencesHint(measure), digits: measure.digits ?? 4, reference: 0,
      signed: true, axis: "method − CLID", get: (row) => row.vs_clid[measure.key] ?? null,
    }));
  const [panels, others] = [true, false].map((drawn) => known.filter(({ key }) =>
    (DIFFERENCES_MEASURES.includes(key) || key === verdictRank.key) === drawn));
  const single = panels.every((panel) => rows.every((row) => !numberIs(panel.get(row)?.low)));
  const lists = differencesLists(rows);
  if (lists) {
    panels.splice(1, 0, lists);
  }
  if (panels.length === 0) {
    return figureAbsent({ id, title, words: methods.some((method) => method.method === "clid")
      ? "Nothing but CLID was measured." : "CLID is not part of this experiment." });
  }
  return figure({
    id, title,
    lead: single ? "Method minus CLID on the test set. One seed: there is no interval over seeds, so read these as hints."
      : "Method minus CLID on the test set: mean of the paired differences with its 95 % interval. A hollow dot: the interval " +
        "holds 0, so the two cannot be told apart.",
    draw: (box) => intervalsDraw(box, { rows, panels }),
    note: "An arrow marks a value beyond the axis.",
    table: () => intervalsTable(rows, [...panels, ...others]),
  });
}

// The other kind of luck: the same runs on other test lists, by the bootstrap of results.json.
function differencesLists(rows) {
  const get = (row) => (row.bootstrap?.minus === "clid" && row.bootstrap.measure === "ndcg10" ? row.bootstrap : null);
  return rows.some((row) => numberIs(get(row)?.mean)) ? {
    title: "NDCG@10, over test lists", hint: "the interval if other lists had been drawn", digits: 4, reference: 0, signed: true,
    axis: "method − CLID", get,
  } : null;
}

function differencesHint(measure) {
  return { higher: "right of 0: better than CLID", lower: "left of 0: better than CLID" }[measure.better] ?? "";
}

// What the choice is worth, in the currency of the bids.
function differencesWorth(methods, base) {
  const { choice } = verdictOf(methods) ?? {};
  const gap = choice && base && choice !== base ? verdictGap(choice, base, "regret") : null;
  if (!gap) {
    return "";
  }
  const saves = gap.mean <= 0;
  const amount = saves ? { low: -gap.high, high: -gap.low } : gap;
  return `For every 1,000 pages, ${methodsTitle(choice)} ${saves ? "saves" : "loses"} ${numberText(Math.abs(gap.mean), 2)} of welfare against Base` +
    (numberIs(gap.low) ? ` (95 % interval ${numberInterval(amount, 2, numberText)})` : "") +
    `, out of ${numberText(base.test?.welfare?.mean, 0)}; perfect probabilities would save ${numberText(base.test?.regret?.mean, 2)}.`;
}

// Panels of plain test measures, a row a method.
function differencesLevels({ id, title, lead, note, absent, specs, methods }) {
  const panels = specs.filter(({ key }) => methods.some((method) => numberIs(method.test?.[key]?.mean)))
    .map((spec) => ({ ...spec, get: (row) => intervalsOf(row.test?.[spec.key]), axis: spec.axis ?? "" }));
  if (panels.length === 0) {
    return figureAbsent({ id, title, words: absent });
  }
  return figure({ id, title, lead, note, draw: (box) => intervalsDraw(box, { rows: methods, panels }),
    table: () => intervalsTable(methods, panels) });
}

function differencesTruth(methods) {
  const base = methods.find((method) => method.method === "base");
  return differencesLevels({
    id: "truth", title: "Distance from the true probability", methods,
    lead: "These data were made, so the true click probability of every document is known and the noise of clicks drops out. " +
      "Dots are means over the seeds with their 95 % intervals; the line is Base, or 0 where 0 is right.",
    absent: "The true click probability is not known on this data: only made data have it. The reliability diagrams above " +
      "compare with clicks instead.",
    specs: [
      { key: "true_error", title: "Error", hint: "root mean square of p − truth; lower is better", digits: 4,
        reference: base?.test?.true_error?.mean },
      { key: "true_bias", title: "Level", hint: "mean of p − truth; 0 is right", digits: 4, signed: true, reference: 0 },
      { key: "true_kl", title: "Information lost", hint: "mean KL(truth ‖ p); lower is better", digits: 5,
        reference: base?.test?.true_kl?.mean },
    ],
  });
}

function differencesMoney(methods) {
  const base = methods.find((method) => method.method === "base");
  return differencesLevels({
    id: "money", title: "What wrong probabilities cost", methods,
    lead: `The same pages and bids, auctioned once with each method's probabilities and once with the true ones. ${
      differencesWorth(methods, base)}`,
    note: "The line is Base. " + "A factor common to all probabilities changes neither order nor prices; uneven errors change both. That is why a method " +
      "with a perfect PCOC can still lose money.",
    absent: "Money cannot be measured here: it needs the true click probability, which only made data have. What stands for it on real " +
      "data are LogLoss, slope and the reliability diagrams.",
    specs: [
      { key: "regret_percent", title: "Regret, % of the welfare", hint: "value lost to the wrong ads on top; lower is better", digits: 3,
        reference: base?.test?.regret_percent?.mean },
      { key: "revenue_percent", title: "Revenue, % of that with the truth", hint: "100: prices as the truth would set them", digits: 2,
        reference: base?.test?.revenue_percent?.mean },
      { key: "overcharge_percent", title: "Over-charge, % of the revenue", hint: "paid by advertisers beyond the right price; 0 is fair",
        digits: 2, signed: true, reference: base?.test?.overcharge_percent?.mean },
    ],
  });
}
