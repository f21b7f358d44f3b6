const page = JSON.parse(document.getElementById("data").textContent);
document.title = page.title ?? page.model ?? "ctr report";
