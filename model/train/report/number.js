// Numbers as people read them: a true minus, thousands apart, "–" for what is not defined.

const NUMBER_ABSENT = "–";
// Beyond this no axis is drawn: the difference of two such numbers may not be a number.
const NUMBER_DRAWABLE = 1e100;

function numberIs(value) {
  return typeof value === "number" && Math.abs(value) < NUMBER_DRAWABLE;
}

function numberText(value, digits = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return NUMBER_ABSENT;
  }
  const size = Math.abs(value);
  const plain = size < 1e9 ? d3.format(`,.${digits}f`)(value) : d3.format(".3~e")(value);
  return plain.replace("-", "−");
}

function numberSigned(value, digits = 4) {
  const text = numberText(value, digits);
  return typeof value === "number" && value > 0 ? `+${text}` : text;
}

function numberCount(value) {
  return numberText(value, 0);
}

// As written by people: 0.001, 100, 10,000, without digits that say nothing.
function numberPlain(value) {
  return numberIs(value) ? d3.format(",~r")(value).replace("-", "−") : NUMBER_ABSENT;
}

function numberMean(field, digits = 4) {
  if (!field || typeof field.mean !== "number") {
    return NUMBER_ABSENT;
  }
  const half = typeof field.half === "number" ? ` ± ${numberText(field.half, digits)}` : "";
  return numberText(field.mean, digits) + half;
}

function numberInterval(field, digits = 4, show = numberSigned) {
  if (!field || typeof field.low !== "number" || typeof field.high !== "number") {
    return "no interval";
  }
  return `${show(field.low, digits)} to ${show(field.high, digits)}`;
}

// "a, b and c"
function numberList(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

// Tick labels of an axis whose steps are known: as many digits as the step needs.
function numberTicks(ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(ticks[0] ?? 1);
  const largest = Math.max(...ticks.map(Math.abs), 0);
  if (largest >= 1e6 || (largest > 0 && largest < 1e-5)) {
    return (value) => d3.format(".3~g")(value).replace("-", "−");
  }
  const digits = d3.precisionFixed(step || 1);
  return (value) => numberText(value, digits);
}
