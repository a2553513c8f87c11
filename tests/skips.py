"""What a machine may lack, and the line that says which tests were skipped for it."""

from __future__ import annotations

NO_BROWSER = "no Chromium"
NO_NAMESPACE = "no network namespace"
SKIPPED = {
    NO_BROWSER: "NO BROWSER: {count} BROWSER TESTS WERE SKIPPED; install Chromium to run them",
    NO_NAMESPACE: "NO NETWORK NAMESPACE: {count} TESTS OF ANOTHER ADDRESS WERE SKIPPED; root with iproute2 runs them",
}
