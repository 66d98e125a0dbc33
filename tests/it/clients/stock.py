"""Lodges detainers over the generated stub alone. Sending again is left to the library, told how by the service config."""

import json
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from comity.v1 import detainer_service_pb2 as detainers
from comity.v1 import detainer_service_pb2_grpc

AT_ONCE = 16

directory, address, template, config, count = sys.argv[1:]
certificates = Path(directory) / "certs"
token = (Path(directory) / "tokens/us-ice.jwt").read_text().strip()


def read(name):
    return (certificates / name).read_bytes()


def bearer(_, send):
    send((("authorization", f"Bearer {token}"),), None)


tls = grpc.ssl_channel_credentials(read("gateway-ca.pem"), read("us-ice.key"), read("us-ice.pem"))
credentials = grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(bearer))
channel = grpc.secure_channel(address, credentials, options=[("grpc.service_config", Path(config).read_text())])
stub = detainer_service_pb2_grpc.DetainerServiceStub(channel)
lodging = Path(template).read_bytes()


def lodge(_):
    request = detainers.LodgeDetainerRequest.FromString(lodging)
    request.request_id = str(uuid.uuid4())
    try:
        return request.request_id, stub.LodgeDetainer(request, timeout=60).detainer.name, ""
    except grpc.RpcError as error:
        return request.request_id, "", error.code().name


with ThreadPoolExecutor(AT_ONCE) as pool:
    for request_id, name, code in pool.map(lodge, range(int(count))):
        print(json.dumps({"request_id": request_id, "name": name, "code": code}))
