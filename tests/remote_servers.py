"""Servers for DVC remotes on free ports of this machine, and what docs/remotes.md's examples become there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HOST = "127.0.0.1"
USER, PASSWORD = "ME", "SECRET"  # as in the examples


class Server(NamedTuple):
    """A remote: what its address is here, and how a stored file's bytes are changed behind DVC's back."""

    here: dict[str, str]  # words of the example: what stands in their place
    change: Callable[[str, bytes], None]  # of the file with this MD5


def _stored(folder: Path, md5: str) -> Path:
    return folder / "files/md5" / md5[:2] / md5[2:]


def change_in(folder: Path) -> Callable[[str, bytes], None]:
    """Return what changes the bytes of a stored file below `folder`, a folder for a remote or DVC's cache."""

    def change(md5: str, data: bytes) -> None:
        path = _stored(folder, md5)
        mode = path.stat().st_mode  # a folder's files are write-protected, and stay so when a disk goes wrong
        path.chmod(0o644)
        path.write_bytes(data)
        path.chmod(mode)

    return change


@contextmanager
def folder(place: Path) -> Iterator[Server]:
    """A folder that needs no server."""
    yield Server({"/mnt/share/reprise": str(place / "share")}, change_in(place / "share"))


@contextmanager
def s3(_place: Path) -> Iterator[Server]:
    """Moto's S3, with the example's bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        url = f"http://{HOST}:{server.get_host_and_port()[1]}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=USER,
            aws_secret_access_key=PASSWORD,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="team-bucket")

        def change(md5: str, data: bytes) -> None:
            key = _stored(Path("reprise"), md5).as_posix()
            client.put_object(Bucket="team-bucket", Key=key, Body=data)

        yield Server({"https://minio.example.org": url}, change)
    finally:
        server.stop()


@contextmanager
def ssh(place: Path) -> Iterator[Server]:
    """An SFTP server that shows `place` as its root and lets one key in."""
    import asyncssh

    key, root = place / "id_ed25519", place / "root"
    root.mkdir()
    mine = asyncssh.generate_private_key("ssh-ed25519")
    mine.write_private_key(str(key))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            HOST,
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=asyncssh.import_authorized_keys(mine.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root)),
        )

    async def stop(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        here = {"example.org": f"{HOST}:{server.get_port()}", "~/.ssh/id_ed25519": str(key)}
        yield Server(here, change_in(root / "srv/reprise"))
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def webdav(place: Path) -> Iterator[Server]:
    """A WebDAV server with a folder and a user."""
    from cheroot import wsgi
    from wsgidav.wsgidav_app import WsgiDAVApp

    (place / "reprise").mkdir()
    application = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(place)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )
    server = wsgi.Server((HOST, 0), application)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        here = {"webdavs://dav.example.org": f"webdav://{HOST}:{server.bind_addr[1]}"}
        yield Server(here, change_in(place / "reprise"))
    finally:
        server.stop()
        thread.join()


SERVERS = {"A folder": folder, "S3": s3, "SSH": ssh, "WebDAV": webdav}  # by the heading in docs/remotes.md
