"""A P4Runtime controller on the official message classes: programs a switch and checks what it answers.

usage: python_controller.py ADDRESS P4INFO JSON; prints "ok" and ends with 0, or says what was wrong.
"""
import queue
import sys

import grpc
from google.protobuf import text_format
from p4.config.v1 import p4info_pb2
from p4.v1 import p4runtime_pb2 as p4, p4runtime_pb2_grpc

DEVICE = 1


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


class Stream:
    def __init__(self, stub):
        self.out = queue.Queue()
        self.answers = stub.StreamChannel(iter(self.out.get, None))

    def arbitrate(self, election):
        message = p4.StreamMessageRequest()
        message.arbitration.device_id = DEVICE
        message.arbitration.election_id.low = election
        self.out.put(message)
        return self.next("arbitration")

    def next(self, kind):
        for message in self.answers:
            if message.HasField(kind):
                return getattr(message, kind)
        sys.exit(f"failed: the stream ended before {kind}")


def write(stub, election, *updates):
    request = p4.WriteRequest(device_id=DEVICE)
    request.election_id.low = election
    for kind, entity in updates:
        update = request.updates.add(type=kind)
        update.entity.CopyFrom(entity)
    stub.Write(request)


def statuses(error):
    """The canonical codes of the p4.v1.Error details of a failed write."""
    from google.rpc import status_pb2
    for key, value in error.trailing_metadata():
        if key == 'grpc-status-details-bin':
            codes = []
            for detail in status_pb2.Status.FromString(value).details:
                one = p4.Error()
                detail.Unpack(one)
                codes.append(one.canonical_code)
            return codes
    return None


def main():
    address, p4info_file, json_file = sys.argv[1:]
    info = text_format.Parse(open(p4info_file).read(), p4info_pb2.P4Info())
    tables = {t.preamble.name: t for t in info.tables}
    actions = {a.preamble.name: a for a in info.actions}
    counters = {c.preamble.name: c for c in info.counters}
    stub = p4runtime_pb2_grpc.P4RuntimeStub(grpc.insecure_channel(address))

    check(stub.Capabilities(p4.CapabilitiesRequest()).p4runtime_api_version.startswith('1.'), 'API version')

    primary, backup = Stream(stub), Stream(stub)
    check(primary.arbitrate(10).status.code == grpc.StatusCode.OK.value[0], 'the first is primary')
    answer = backup.arbitrate(5)
    check(answer.status.code == grpc.StatusCode.ALREADY_EXISTS.value[0], 'the second is backup')
    check(answer.election_id.low == 10, 'the backup learns the highest election id')

    config = p4.SetForwardingPipelineConfigRequest(
        device_id=DEVICE, action=p4.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT)
    config.election_id.low = 10
    config.config.p4info.CopyFrom(info)
    config.config.p4_device_config = open(json_file, 'rb').read()
    config.config.cookie.cookie = 77
    stub.SetForwardingPipelineConfig(config)
    got = stub.GetForwardingPipelineConfig(p4.GetForwardingPipelineConfigRequest(device_id=DEVICE))
    check(got.config.cookie.cookie == 77, 'cookie')
    check(got.config.p4info == info, 'the P4Info comes back as it was')

    table = tables['MyIngress.ipv4_lpm']
    action = actions['MyIngress.set_nexthop']
    entity = p4.Entity()
    entry = entity.table_entry
    entry.table_id = table.preamble.id
    match = entry.match.add(field_id=table.match_fields[0].id)
    match.lpm.value, match.lpm.prefix_len = bytes([10, 0, 1, 0]), 24
    entry.action.action.action_id = action.preamble.id
    for param, value in zip(action.params, (b'\x02', b'\x02\0\0\0\0\x01', b'\x02\0\0\0\0\x02')):
        entry.action.action.params.add(param_id=param.id, value=value)
    write(stub, 10, (p4.Update.INSERT, entity))

    read = p4.ReadRequest(device_id=DEVICE)
    read.entities.add().table_entry.table_id = table.preamble.id
    found = [e.table_entry for response in stub.Read(read) for e in response.entities]
    check(len(found) == 1 and found[0].match == entry.match and found[0].action == entry.action,
          f'read gives what was written, not {found}')

    read = p4.ReadRequest(device_id=DEVICE)
    cell = read.entities.add().counter_entry
    cell.counter_id = counters['MyIngress.ingress_port_counter'].preamble.id
    cell.index.index = 1
    found = [e.counter_entry for response in stub.Read(read) for e in response.entities]
    check(len(found) == 1 and found[0].data.packet_count == 0, 'counter')

    # A batch of which the first update fails and the second does not: each has its own status.
    other = p4.Entity()
    other.CopyFrom(entity)
    other.table_entry.match[0].lpm.value = bytes([10, 0, 2, 0])
    try:
        write(stub, 10, (p4.Update.INSERT, entity), (p4.Update.INSERT, other))
        sys.exit('failed: a duplicate was accepted')
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.UNKNOWN, f'code of a failed batch: {error.code()}')
        check(statuses(error) == [grpc.StatusCode.ALREADY_EXISTS.value[0], 0], f'statuses: {statuses(error)}')
    try:
        write(stub, 5, (p4.Update.DELETE, entity))
        sys.exit('failed: a backup may write')
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.PERMISSION_DENIED, f'code for a backup: {error.code()}')

    primary.out.put(None)
    primary.answers.cancel()
    check(backup.next('arbitration').status.code == grpc.StatusCode.NOT_FOUND.value[0], 'no primary is left')
    check(backup.arbitrate(11).status.code == 0, 'the backup takes over')
    write(stub, 11, (p4.Update.DELETE, entity))
    backup.out.put(None)
    print('ok')


if __name__ == '__main__':
    main()
