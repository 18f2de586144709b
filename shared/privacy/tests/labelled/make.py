"""Makes `values.jsonl`, the labelled set on which detection is measured: texts, and where in them personal data stands.

Run it with any Python 3: `python3 make.py`. The set is the same at every run. Check digits are computed here on their own, so
that a mistake in the detector's arithmetic shows. A third of the lines holds nothing personal, but numbers and words that look
like it: order numbers, times, versions, coordinates, identifiers.
"""

import json
import pathlib
import random
import string

rng = random.Random(20240229)


def digits(count, first="0123456789"):
    return rng.choice(first) + "".join(rng.choice(string.digits) for _ in range(count - 1))


def luhn_digit(body):
    total = 0
    for at, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card():
    prefix, length = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("36", 14)])
    body = prefix + digits(length - len(prefix) - 1)
    number = body + luhn_digit(body)
    style = rng.randrange(3)
    if style == 0:
        return number
    separator = " -"[style - 1]
    cuts = (4, 10, 15) if length == 15 else (4, 10, 14) if length == 14 else (4, 8, 12, 16)
    return separator.join(number[a:b] for a, b in zip((0,) + cuts, cuts))


def iban():
    country, shape = rng.choice([("DE", "n" * 18), ("FR", "n" * 10 + "c" * 11 + "nn"), ("GB", "aaaa" + "n" * 14), ("ES", "n" * 20), ("NL", "aaaa" + "n" * 10), ("IT", "a" + "n" * 22)])
    kinds = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    account = "".join(rng.choice(kinds[kind]) for kind in shape)
    value = int("".join(str(int(c, 36)) for c in account + country + "00"))
    text = f"{country}{98 - value % 97:02d}{account}"
    if rng.random() < 0.5:
        text = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return text


FIRST = "anna bob chloé dmitri elif fatima george hana ivan jürgen kofi lucía mei nadia".split()
LAST = "smith müller garcia dubois rossi kowalski okafor tanaka novak silva".split()
plain = str.maketrans("éüí", "eui")


def email():
    first, last = rng.choice(FIRST).translate(plain), rng.choice(LAST).translate(plain)
    local = rng.choice([f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}{rng.randrange(99)}", f"{first}+news", f"{last}-{first}"])
    domain = rng.choice(["example.com", "mail.example.org", "firma.de", "uni-bonn.de", "company.co.uk", "post.museum", "x.io"])
    return rng.choice([str, str.upper, str])(f"{local}@{domain}")


def phone():
    a, b, c = digits(3, "23456789"), digits(3, "23456789"), digits(4)
    if a[1:] == "11":
        a = "212"
    return rng.choice([
        f"+1 {a}-{b}-{c}", f"+1{a}{b}{c}", f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"1-{a}-{b}-{c}",
        f"+49 30 {digits(7, '123456789')}", f"+49 (0)171 {digits(7)}", f"0171 {digits(7)}", f"030/{digits(7, '123456789')}",
        f"+44 20 {digits(4)} {digits(4)}", f"07{digits(3)} {digits(6)}", f"+33 6 {digits(2)} {digits(2)} {digits(2)} {digits(2)}",
        f"06 {digits(2)} {digits(2)} {digits(2)} {digits(2)}", f"+91 {digits(5, '6789')} {digits(5)}", f"0049 89 {digits(6, '123456789')}",
        f"+34 6{digits(2)} {digits(3)} {digits(3)}", f"+81-3-{digits(4)}-{digits(4)}",
    ])


def ip_address():
    if rng.random() < 0.6:
        return ".".join(str(rng.randrange(1, 255)) for _ in range(4))
    return rng.choice([
        ":".join(f"{rng.randrange(65536):x}" for _ in range(8)), f"2001:db8::{rng.randrange(1, 65536):x}",
        f"fe80::{rng.randrange(65536):x}:{rng.randrange(65536):x}", f"2001:db8:85a3::8a2e:370:{rng.randrange(1, 9999)}",
    ])


def ssn():
    area = rng.choice([a for a in range(1, 900) if a != 666])
    return f"{area:03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10000):04d}"


def nino():
    while True:
        prefix = rng.choice("ABCEGHJKLMNOPRSTWXYZ") + rng.choice("ABCEGHJKLMNPRSTWXYZ")
        if prefix not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"):
            break
    number = digits(6)
    suffix = rng.choice("ABCD")
    return rng.choice([prefix + number + suffix, f"{prefix} {number[:2]} {number[2:4]} {number[4:]} {suffix}"])


def dni():
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    if rng.random() < 0.6:
        number = digits(8)
        return number + rng.choice(["", "-"]) + letters[int(number) % 23]
    lead, number = rng.randrange(3), digits(7)
    return "XYZ"[lead] + number + letters[int(f"{lead}{number}") % 23]


def tax_id():
    while True:
        order = rng.sample(string.digits, 9)
        order.insert(rng.randrange(10), rng.choice(order))
        if order[0] == "0":
            continue
        product = 10
        for digit in order:
            total = (int(digit) + product) % 10 or 10
            product = total * 2 % 11
        number = "".join(order) + str((11 - product) % 10)
        return rng.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def cpf():
    body = [int(d) for d in digits(9)]
    for _ in range(2):
        rest = sum(d * (len(body) + 1 - at) for at, d in enumerate(body)) * 10 % 11 % 10
        body.append(rest)
    t = "".join(map(str, body))
    return rng.choice([t, f"{t[:3]}.{t[3:6]}.{t[6:9]}-{t[9:]}"])


def nir():
    body = rng.choice("12") + f"{rng.randrange(100):02d}{rng.randrange(1, 13):02d}{rng.randrange(1, 96):02d}{rng.randrange(1, 1000):03d}{rng.randrange(1, 1000):03d}"
    t = body + f"{97 - int(body) % 97:02d}"
    return rng.choice([t, " ".join([t[0], t[1:3], t[3:5], t[5:7], t[7:10], t[10:13], t[13:]])])


def bsn():
    while True:
        body = digits(8, "123456789")
        rest = sum(int(d) * (9 - at) for at, d in enumerate(body)) % 11
        if rest < 10:
            return body + str(rest)


def national_id():
    return rng.choice([ssn, ssn, nino, dni, tax_id, cpf, nir])()


MAKERS = {"email": email, "phone": phone, "credit_card": card, "iban": iban, "ip_address": ip_address, "national_id": national_id}
SENTENCES = [
    "{}", "{}", "{}", "Please note {} for later.", "the customer gave {} and {} at the desk", "({}), urgent!", "a;{};b", "seen: {}, {}.",
    "Zürich — {} — çok teşekkürler", '{{"note": "{}"}}', "<td>{}</td>", "ref 2024-03-01 10:22: {} confirmed", "3 items, {} EUR 12.50",
]
NAMED = {
    "phone": ["call me at {}", "Tel.: {}", "mobile={}"],
    "credit_card": ["card number {}", "paid with Visa {} today"],
    "national_id": ["SSN {}", "tax id: {}", "DNI {}"],
    "ip_address": ["login from {}", "client ip={}", "host {} refused"],
    "email": ["mail {} or write", "mailto:{}"],
    "iban": ["IBAN: {}", "send it to {} until May"],
}


def hour():
    return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"


def date():
    return f"{rng.randrange(1990, 2031)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


NOTHING = [
    lambda: f"order {digits(8, '123456789')}", lambda: f"invoice INV-{digits(10)}", lambda: digits(6, "123456789"), lambda: f"{date()}T{hour()}Z",
    lambda: f"{date()} {hour()}", lambda: f"at {hour()} sharp", lambda: f"{rng.uniform(-180, 180):.12f}, {rng.uniform(-90, 90):.12f}",
    lambda: f"version {rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(9)}.{rng.randrange(9)}", lambda: f"v{rng.randrange(9)}.{rng.randrange(99)}.{rng.randrange(9)}",
    lambda: "-".join("".join(rng.choice("0123456789abcdef") for _ in range(n)) for n in (8, 4, 4, 4, 12)), lambda: str(rng.randrange(1_500_000_000, 1_900_000_000)),
    lambda: str(rng.randrange(1_500_000_000_000, 1_900_000_000_000)), lambda: digits(9, "123456789"), lambda: digits(11, "123456789"), lambda: digits(12, "123456789"),
    lambda: digits(16, "123456789"), lambda: "".join(rng.choice("0123456789abcdef") for _ in range(40)), lambda: f"sku {rng.choice('ABC')}{digits(7)}{rng.choice('ABCX')}",
    lambda: "std::vector<int> and a::b", lambda: "user@localhost", lambda: "meet @noon at the @cafe", lambda: f"{rng.uniform(0, 1e6):.6f}", lambda: f"{rng.uniform(0, 1):.17f}",
    lambda: f"{rng.randrange(1, 999)},{rng.randrange(100, 999)},{rng.randrange(100, 999)}.{rng.randrange(10, 99)} USD", lambda: f"{digits(3)} {digits(3)} {digits(3)} units",
    lambda: " ".join(digits(4) for _ in range(6)), lambda: ":".join(f"{rng.randrange(256):02x}" for _ in range(6)), lambda: f"ISBN 978-{digits(1)}-{digits(2)}-{digits(6)}-{digits(1)}",
    lambda: f"{rng.randrange(1, 13):02d}/{rng.randrange(1, 29):02d}/{rng.randrange(1950, 2031)}", lambda: f"{rng.randrange(1, 29):02d}.{rng.randrange(1, 13):02d}.{rng.randrange(1950, 2031)} {hour()[:5]}",
    lambda: f"section {rng.randrange(1, 9)}.{rng.randrange(1, 9)}.{rng.randrange(1, 9)}.{rng.randrange(1, 9)}", lambda: f"tracking 1Z{digits(16)}", lambda: f"GB{digits(9)}", lambda: f"DE{digits(20)}",
    lambda: f"{digits(4)}-{digits(4)}-{digits(4)}-{digits(4)}", lambda: f"plate {rng.choice('ABC')}{rng.choice('XYZ')} {digits(4)}", lambda: "the quick brown fox", lambda: f"score {rng.randrange(100)}/100",
]


def line(template, kinds):
    parts = template.replace("{{", "\0").replace("}}", "\1").split("{}")
    text, spans = "", []
    for at, part in enumerate(parts):
        text += part.replace("\0", "{").replace("\1", "}")
        if at < len(parts) - 1:
            kind = kinds[at % len(kinds)]
            value = MAKERS[kind]()
            # Offsets count bytes of UTF-8.
            spans.append([len(text.encode()), len((text + value).encode()), kind])
            text += value
    return {"text": text, "spans": spans}


lines = []
for kind in MAKERS:
    for _ in range(110):
        other = rng.choice(list(MAKERS))
        lines.append(line(rng.choice(SENTENCES), [kind, other]))
    for _ in range(30):
        lines.append(line(rng.choice(NAMED[kind]), [kind]))
for _ in range(20):
    lines.append({"text": "bsn " + bsn(), "spans": [[4, 13, "national_id"]]})
for at in range(440):
    lines.append({"text": NOTHING[at % len(NOTHING)](), "spans": []})
rng.shuffle(lines)
path = pathlib.Path(__file__).with_name("values.jsonl")
path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in lines), encoding="utf-8")
print(len(lines), "lines")
