"""A P4Runtime server on the official message classes that keeps table entries and nothing else.

Prints its port. Refuses what a specification-minded switch refuses, so that a client's mistakes in encoding show.
"""
import concurrent.futures
import sys

import grpc
from google.rpc import status_pb2
from p4.v1 import p4runtime_pb2 as p4, p4runtime_pb2_grpc


class Switch(p4runtime_pb2_grpc.P4RuntimeServicer):
    def __init__(self):
        self.entries = {}
        self.config = None

    def StreamChannel(self, requests, context):
        for request in requests:
            answer = p4.StreamMessageResponse()
            if request.HasField('arbitration'):
                answer.arbitration.device_id = request.arbitration.device_id
                answer.arbitration.election_id.CopyFrom(request.arbitration.election_id)
                answer.arbitration.status.code = 0
                yield answer
            elif request.HasField('packet'):
                # Comes back with the header of a packet-in: every field 1.
                answer.packet.payload = request.packet.payload
                for header in self.config.p4info.controller_packet_metadata:
                    if header.preamble.name == 'packet_in':
                        for field in header.metadata:
                            answer.packet.metadata.add(metadata_id=field.id, value=b'\x01')
                yield answer

    def SetForwardingPipelineConfig(self, request, context):
        if not request.config.p4_device_config or not request.config.p4info.tables:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'the pipeline is empty')
        self.config = request.config
        return p4.SetForwardingPipelineConfigResponse()

    def GetForwardingPipelineConfig(self, request, context):
        answer = p4.GetForwardingPipelineConfigResponse()
        if self.config:
            answer.config.CopyFrom(self.config)
        return answer

    def apply(self, update):
        entry = update.entity.table_entry
        if not update.entity.HasField('table_entry'):
            return grpc.StatusCode.UNIMPLEMENTED, 'only table entries'
        for match in entry.match:
            value = match.lpm.value if match.HasField('lpm') else match.exact.value
            if value != value.lstrip(b'\0') and value != b'\0':
                return grpc.StatusCode.INVALID_ARGUMENT, 'the value is not canonical'
        key = (entry.table_id, entry.priority, tuple(m.SerializeToString() for m in entry.match))
        if update.type == p4.Update.INSERT:
            if key in self.entries:
                return grpc.StatusCode.ALREADY_EXISTS, 'there is one'
            self.entries[key] = entry
        elif key not in self.entries:
            return grpc.StatusCode.NOT_FOUND, 'there is none'
        elif update.type == p4.Update.MODIFY:
            self.entries[key] = entry
        else:
            del self.entries[key]
        return grpc.StatusCode.OK, ''

    def Write(self, request, context):
        results = [self.apply(update) for update in request.updates]
        if all(code == grpc.StatusCode.OK for code, _ in results):
            return p4.WriteResponse()
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message='some updates failed')
        for code, text in results:
            status.details.add().Pack(p4.Error(canonical_code=code.value[0], message=text))
        context.set_trailing_metadata([('grpc-status-details-bin', status.SerializeToString())])
        context.abort(grpc.StatusCode.UNKNOWN, 'some updates failed')

    def Read(self, request, context):
        for wanted in request.entities:
            for entry in list(self.entries.values()):
                if wanted.table_entry.table_id in (0, entry.table_id):
                    answer = p4.ReadResponse()
                    answer.entities.add().table_entry.CopyFrom(entry)
                    yield answer

    def Capabilities(self, request, context):
        return p4.CapabilitiesResponse(p4runtime_api_version='1.4.1')


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    p4runtime_pb2_grpc.add_P4RuntimeServicer_to_server(Switch(), server)
    print(server.add_insecure_port('127.0.0.1:0'), flush=True)
    server.start()
    sys.stdin.read()  # until the test closes it
    server.stop(0)


if __name__ == '__main__':
    main()
