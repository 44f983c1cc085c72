"""A small web service: GET /91 answers 7 13. It runs in a container, with nothing but Python."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def factors(number: int) -> list[int]:
    found, divisor = [], 2
    while divisor * divisor <= number:
        if number % divisor:
            divisor += 1
        else:
            number //= divisor
            found.append(divisor)
    return [*found, number]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = self.path.strip("/")
        self.send_response(200 if text.isdigit() else 404)
        self.end_headers()
        if text.isdigit():
            self.wfile.write(" ".join(map(str, factors(int(text)))).encode())

    def log_message(self, *arguments) -> None:
        return


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
