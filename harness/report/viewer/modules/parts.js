// The parts of a run: from this file, or from the server of a run that goes on. The browser's own
// DecompressionStream inflates them, one at a time, when they are asked for.

export class FileParts {
  async manifest() {
    return JSON.parse(document.getElementById("manifest").textContent);
  }

  async part(name) {
    const found = document.getElementById(`part-${name}`);
    if (!found) throw new Error("it is not in the file");
    return inflated(bytesOf(found.textContent.trim()));
  }
}

export class ServedParts {
  async manifest() {
    const answer = await fetch("manifest", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return answer.json();
  }

  async part(name) {
    const answer = await fetch(`part/${name}`);
    if (!answer.ok) throw new Error(`part ${name}: the server answered ${answer.status}`);
    return inflated(await answer.arrayBuffer());
  }

  // The overview as it is now, written by the server as it wrote the page.
  async refresh(overview) {
    const answer = await fetch("overview", { cache: "no-store" });
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    overview.replaceChildren(...parsed.body.childNodes);
  }
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function bytesOf(coded) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(coded);
  const text = atob(coded);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
}
