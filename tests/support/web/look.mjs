// Opens pages in a headless Chromium and tells what it sees: one JSON object a line on stdin, one on stdout.
//   {"page": FILE, "scheme": "light"|"dark", "width": 1280, "screenshot": FILE|null, "click": [SELECTOR...], "print": bool,
//    "hover": SELECTOR, "keys": {"focus": SELECTOR, "press": [KEY...]}}; `tip`, `tips`: what the tooltip said then
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

// Runs inside the page. Every drawing with the number of its marks and the coordinates that are no numbers.
function observe() {
  const COORDINATES = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "d", "transform", "viewBox"];
  const faults = (svg) => [...svg.querySelectorAll("*"), svg].flatMap((node) =>
    COORDINATES.filter((name) => /NaN|Infinity|undefined|null/.test(node.getAttribute(name) ?? ""))
      .map((name) => `${node.tagName} ${name}=${node.getAttribute(name)}`));
  const drawing = (svg) => {
    const area = svg.getBoundingClientRect();
    const marks = [...svg.querySelectorAll(".mark")];
    const visible = marks.filter((mark) => {
      const box = mark.getBoundingClientRect();
      const drawn = box.width > 0 || box.height > 0 || mark.tagName === "line"; // an interval of width 0 is its round ends
      return Number.isFinite(box.x + box.y) && drawn &&
        box.right > area.left - 30 && box.left < area.right + 30 && box.bottom > area.top - 30 && box.top < area.bottom + 30;
    });
    return { label: svg.getAttribute("aria-label"), marks: marks.length, visible: visible.length, faults: faults(svg),
      width: area.width, height: area.height, nothing: svg.querySelectorAll(".nothing").length };
  };
  const wide = [...document.querySelectorAll("main *")].filter((node) =>
    node.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !node.closest(".scroll, pre"));
  return {
    title: document.title,
    drawn: document.documentElement.dataset.drawn ?? "no",
    figures: [...document.querySelectorAll("figure")].map((figure) => ({
      id: figure.id, title: figure.querySelector("h3").textContent,
      drawings: [...figure.querySelectorAll(".plot svg")].map(drawing),
    })),
    absent: [...document.querySelectorAll(".absent")].map((node) => ({ id: node.id, words: node.textContent })),
    sections: [...document.querySelectorAll("main section")].map((node) => node.id),
    links: [...document.querySelectorAll("a[href^='#']")].map((node) => node.getAttribute("href").slice(1))
      .filter((id) => !document.getElementById(id)),
    text: document.body.innerText,
    scripts: document.querySelectorAll("script").length,
    images: document.querySelectorAll("img, iframe, object, embed, link:not([rel=icon])").length,
    overflow: wide.slice(0, 5).map((node) => `${node.tagName}.${node.getAttribute("class")} ${node.textContent.slice(0, 40)}`),
    background: getComputedStyle(document.body).backgroundColor,
    color: getComputedStyle(document.body).color,
  };
}

async function look(browser, { page: file, scheme, width, screenshot, click = [], print = false, hover = null, keys = null }) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 } });
  const page = await context.newPage();
  const complaints = [], requests = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.stack ?? error}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  const own = pathToFileURL(file).href;
  page.on("request", (request) => { if (request.url() !== own && request.url() !== "data:,") requests.push(request.url()); });
  await page.goto(own, { waitUntil: "load" });
  // Figures are drawn when their size is known: the frame after the next.
  const settle = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await settle();
  for (const selector of click) {
    await page.locator(selector).first().click();
    await settle();
  }
  if (print) {
    await page.pdf(); // tells the page that it will be printed, and that it has been
    await page.emulateMedia({ media: "print" });
    await settle();
  }
  let tip = null;
  if (hover !== null) {
    await page.locator(hover).first().scrollIntoViewIfNeeded();
    await page.locator(hover).first().hover({ force: true });
    tip = await page.locator("#tip").innerText();
  }
  const tips = [];
  if (keys !== null) {
    await page.locator(keys.focus).first().focus();
    for (const key of keys.press) {
      await page.keyboard.press(key);
      tips.push(await page.locator("#tip").isVisible() ? await page.locator("#tip").innerText() : null);
    }
  }
  const seen = await page.evaluate(observe);
  if (screenshot) {
    await page.screenshot({ path: screenshot, fullPage: true });
  }
  await context.close();
  return { ...seen, complaints, requests, tip, tips };
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"] });
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await look(browser, JSON.parse(line));
  } catch (error) {
    answer = { failed: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
