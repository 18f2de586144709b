"""One kept connection that sends JSON: the same client for both sides."""

import http.client
import json
import time
from urllib.parse import urlencode


# Servers close connections that idle for a few seconds; one that idled so long is made anew, outside what is timed.
LONGEST_IDLE = 1


class Connection:
    """A connection to a server on this machine."""

    def __init__(self, port):
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._used = 0

    def send(self, method, path, body=None, query=None):
        """Sends a request; gives the answer's JSON. Raises RuntimeError when it is not 200."""
        return self.timed(method, path, body, query)[0]

    def timed(self, method, path, body=None, query=None):
        """The same with the seconds between the request's first byte and the answer's last one."""
        path = f"/api/2.0/mlflow/{path}" + (f"?{urlencode(query)}" if query else "")
        payload = None if body is None else json.dumps(body).encode()
        headers = {} if payload is None else {"Content-Type": "application/json"}
        if time.monotonic() - self._used > LONGEST_IDLE:
            self._connection.close()
            self._connection.connect()
        begun = time.perf_counter()
        try:
            self._connection.request(method, path, payload, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            raise
        elapsed = time.perf_counter() - begun
        self._used = time.monotonic()
        if response.status != 200:
            raise RuntimeError(f"{method} {path} on port {self._port}: {response.status} {answer[:500]!r}")
        return json.loads(answer), elapsed
