"""A mail server for tests (aiosmtpd). Prints its port and its authority's certificate as one line of JSON, then each message as one.

What it replies to a recipient is in the address: refused@ is refused for good, later@ for now, once@ for now the first time.
A subject with REFUSE is refused for good once the message is there, one with LATER for now.

Options: --user NAME:PASSWORD asks for a login; --tls, --starttls encrypt. It ends with its standard input.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

options = argparse.ArgumentParser()
options.add_argument("--user")
options.add_argument("--tls", action="store_true")
options.add_argument("--starttls", action="store_true")
options = options.parse_args()


def tell(value):
    print(json.dumps(value), flush=True)


class Handler:
    def __init__(self):
        self.asked = set()

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        name = address.partition("@")[0]
        if name == "refused":
            return "550 5.1.1 There is nobody of that name at mail-7.internal.example"
        if name == "later" or (name == "once" and address not in self.asked):
            self.asked.add(address)
            return "450 4.2.1 Greylisted by mail-7.internal.example"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        text = envelope.original_content.decode()
        message = email.message_from_string(text, policy=email.policy.default)
        if "REFUSE" in message["subject"]:
            return "554 5.7.1 mail-7.internal.example does not like it"
        if "LATER" in message["subject"]:
            return "451 mail-7.internal.example is busy"
        tell({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": message.get_content(),
            "source": text,
            "user": session.auth_data,
            "encrypted": session.ssl is not None or options.tls,
        })
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = f"{data.login.decode()}:{data.password.decode()}" == options.user
    return AuthResult(success=good, handled=False, auth_data=data.login.decode() if good else None)


async def main():
    authority = trustme.CA()
    encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(encryption)
    handler = Handler()

    def connection():
        return SMTP(
            handler,
            hostname="mail-7.internal.example",
            tls_context=encryption if options.starttls else None,
            require_starttls=options.starttls,
            auth_required=options.user is not None,
            auth_require_tls=options.starttls,
            authenticator=authenticate if options.user else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=encryption if options.tls else None)
    tell({"port": server.sockets[0].getsockname()[1], "certificate": authority.cert_pem.bytes().decode()})
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
