"""Chromium for tests of pages: what only a layout engine can tell."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
PHONE, DESK = 390, 1280


class Browser:
    """Chromium, spoken to over its debugging pipe (file descriptors 3 and 4, NUL-ended JSON)."""

    def __init__(self, folder: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # The shell only moves the pipe's ends to where Chromium wants them.
        move = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", move, CHROMIUM or "chromium", *options, "about:blank"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._answers, 2**20)
            assert more, "Chromium has ended"
            self._unread += more
        text, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(text))

    def open(self, page: Path | str, width: int, scheme: str = "light") -> None:
        """Opens a file, or an address, and waits until it is there."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=844, deviceScaleFactor=1, mobile=width == PHONE,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._read())

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self) -> None:
        os.close(self._commands)
        self._process.wait(30)
        os.close(self._answers)


def low_contrast(browser: Browser) -> list[Any]:
    """Finds texts of the open page that do not stand out from what is behind them.

    By WCAG 2.2, 1.4.3: a contrast of 4.5 to 1.
    """
    found = browser.value(
        """(() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const over = (f, b) => { const a = f.length > 3 ? f[3] : 1;
          return [0, 1, 2].map(i => f[i] * a + b[i] * (1 - a)); };
        const back = e => { const c = parse(getComputedStyle(e).backgroundColor);
          const full = c.length < 4 || c[3] === 1;
          if (full) return c.slice(0, 3);
          return over(c, e.parentElement ? back(e.parentElement) : [255, 255, 255]); };
        const light = c => { const [r, g, b] = c.map(v => { v /= 255;
          return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const found = new Map();
        for (const e of document.querySelectorAll('body *')) {
          if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3)) continue;
          const b = back(e), f = over(parse(getComputedStyle(e).color), b);
          const [x, y] = [light(f), light(b)].sort((p, q) => q - p);
          const ratio = (x + 0.05) / (y + 0.05);
          const least = 4.5;
          if (ratio < least) found.set(e.tagName + '.' + e.className, ratio.toFixed(2));
        }
        return JSON.stringify([...found]);
        })()"""
    )
    return list(json.loads(found))
