"""A second FTP server for the tests, pyftpdlib's: FTPS that begins with AUTH TLS. Run as a program of its own."""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

if __name__ == "__main__":
    folder, password, certificate = sys.argv[1:]
    authorizer = DummyAuthorizer()
    authorizer.add_user("hub", password, folder, perm="elradfmw")

    class Handler(TLS_FTPHandler):
        """Lets nobody in, and gives nothing, without TLS."""

        certfile = certificate
        tls_control_required = True
        tls_data_required = True

    Handler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), Handler)
    print(server.address[1], flush=True)  # noqa: T201  # whoever started it reads the port here
    server.serve_forever()
