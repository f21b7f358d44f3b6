// What was done: settings, data, configuration; and how to read the rest, in plain words.

function aboutSettings(page, methods) {
  const cells = (method) => {
    const chosen = method.chosen ?? {};
    const name = [methodsTitle(method), method.summary ? dom("small", { class: "under" }, String(method.summary)) : null];
    return [{ content: name, class: "words" }, numberPlain(chosen.ratio), numberPlain(chosen.tau), numberPlain(chosen.lr),
      numberCount((method.runs ?? []).length), { content: [chosen.rule, method.words].filter(Boolean).join("; ") || "only setting", class: "words" }];
  };
  const diverged = Array.isArray(page.diverged) ? page.diverged : [];
  return [
    domTable({
      caption: "Settings chosen on the validation set", className: "settings",
      head: ["Method", "ratio r", "temperature τ", "learning rate", "runs", { content: "chosen by", class: "words" }],
      rows: methods.map((method) => ({ cells: cells(method) })),
    }),
    aboutSelection(page.selection),
    dom("p", {}, diverged.length === 0 ? "No run diverged." :
      [`Diverged, so without measures and never chosen (${diverged.length}): `, dom("code", {}, diverged.join(", "))]),
  ];
}

function aboutSelection(selection) {
  if (!selection || !numberIs(selection.bound)) {
    return null;
  }
  return dom("p", {}, `A setting could be chosen if its validation LogLoss was at most ${numberText(selection.bound, 5)}: Base's mean of ` +
    `${numberText(selection.base_logloss, 5)} plus ${numberText(selection.base_ci, 5)}, half of its 95 % interval.`);
}

function aboutData(page) {
  const parts = ["train", "valid", "test"].filter((part) => page.data?.[part]);
  const rate = (part) => (part.docs > 0 && numberIs(part.clicks) ? `${numberText((100 * part.clicks) / part.docs, 2)} %` : NUMBER_ABSENT);
  const facts = [
    ["Network", Array.isArray(page.network) ? page.network.map(String).join(" – ") : NUMBER_ABSENT],
    ["Seeds of the final runs", (page.seeds ?? []).map(numberPlain).join(", ") || NUMBER_ABSENT],
    ["Seed of the search", numberPlain(page.search_seed)],
    ["Share of the training lists that the search learned from", `${numberPlain(page.search_percent ?? 100)} %`],
    ["Columns that are served", numberPlain(page.data?.columns)],
    ["True click probability", page.data?.truth ? "known (made data)" : "not known"],
    ["Hash of the training data", page.data?.hash ?? NUMBER_ABSENT],
  ];
  return [
    parts.length > 0 ? domTable({
      caption: "Data", head: ["Part", "lists", "documents", "clicks", "click rate", "documents a list"],
      rows: parts.map((name) => {
        const part = page.data[name];
        return { cells: [name, numberCount(part.lists), numberCount(part.docs), numberCount(part.clicks), rate(part),
          part.lists > 0 ? numberText(part.docs / part.lists, 1) : NUMBER_ABSENT] };
      }),
    }) : dom("p", {}, "The sizes of the data are not recorded."),
    dom("dl", { class: "facts" }, facts.map(([name, value]) => [dom("dt", {}, name), dom("dd", {}, String(value))])),
    page.configuration ? dom("details", {}, dom("summary", {}, "Configuration of every run"),
      dom("pre", { tabindex: "0" }, String(page.configuration))) : null,
  ];
}

function aboutTeacher(check) {
  if (!check) {
    return null;
  }
  const part = (field, name) => (numberIs(field?.mean) ? `${name} ${numberSigned(field.mean)} (${numberInterval(field)})` : null);
  const numbers = [part(check[verdictRank.key], verdictRank.title), part(check.logloss, "LogLoss")].filter(Boolean).join(", ");
  return dom("p", { class: check.better === false ? "caution" : "" },
    dom("strong", {}, check.better === false ? "The teacher is not better than Base. " : "The teacher is better than Base, as it must be. "),
    numbers ? `Teacher minus Base on the validation set: ${numbers}.` : String(check.words ?? ""));
}

const ABOUT_WORDS = [
  ["NDCG@10", "How good the order of a page's first ten places is: 1 if the best documents stand on top. It does not care about probabilities."],
  ["GAUC", "How often, of a clicked and an unclicked document of the same user, the clicked one has the higher score; users count by what they were shown."],
  ["LogLoss", "How well the probabilities told what happened, click by click. Lower is better. Small differences matter: it is dominated by chance that no method can predict."],
  ["Calibration", "Among documents promised 10 %, a tenth should be clicked. Bids are multiplied by the probability, so a wrong one puts the wrong ad on top and charges the wrong price."],
  ["PCOC", "Clicks promised over clicks that happened: the level. 1 is necessary, not sufficient: errors in both directions cancel."],
  ["Slope", "Spread of the probabilities. Below 1: too bold, high ones too high and low ones too low. Above 1: too timid."],
  ["ECE, pooled ECE", "Mean distance of promise and clicks in buckets; per list it is mostly noise on short lists, so trust the pooled one and the slope."],
  ["True error", "Distance of the promise from the true click probability, root mean square: only made data know it. It has no noise of clicks in it, but a floor: what the served features cannot tell."],
  ["Regret", "Welfare (bids times true click probabilities of what is shown) that an auction loses because it ran with these probabilities and not with the true ones."],
  ["Over-charge", "What advertisers pay beyond the price that the auction with true probabilities would ask for the same ad."],
  ["Weight ratio r", "Weight of the teacher's lesson over the weight of the clicks in training. r = 0 is Base."],
  ["Teacher", "Sees features that are known only after serving, such as the position or the time on the page. Better by construction, and impossible to serve."],
  ["95 % interval", "From the spread over training seeds, by Student's t; differences are taken seed by seed, which removes the luck that both methods share. If it holds 0, nothing is shown."],
];

// All terms, or those named.
function aboutReading(names = ABOUT_WORDS.map(([name]) => name)) {
  return dom("dl", { class: "glossary" }, ABOUT_WORDS.filter(([name]) => names.includes(name)).map(([name, words]) =>
    dom("div", {}, dom("dt", {}, name), dom("dd", {}, words))));
}
