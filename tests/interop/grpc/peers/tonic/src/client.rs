use crate::testing::{
    test_service_client::TestServiceClient, unimplemented_service_client::UnimplementedServiceClient, *,
};
use crate::{Error, INITIAL, TRAILING};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const REQUEST_SIZES: [usize; 4] = [27182, 8, 1828, 45904];
const RESPONSE_SIZES: [i32; 4] = [31415, 9, 2653, 58979];
const SPECIAL: &str = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";

type Client = TestServiceClient<Channel>;

fn check(right: bool, what: &str) -> Result<(), Error> {
    if right {
        Ok(())
    } else {
        Err(what.into())
    }
}
fn check_code<T>(result: Result<T, Status>, code: Code, text: Option<&str>) -> Result<(), Error> {
    match result {
        Ok(_) => Err("the call succeeded".into()),
        Err(status) if status.code() != code => Err(format!("the status is {:?}", status).into()),
        Err(status) => check(text.map_or(true, |text| text == status.message()), "the text is another"),
    }
}
fn payload(size: usize) -> Option<Payload> {
    Some(Payload { r#type: 0, body: vec![0; size] })
}
fn large() -> SimpleRequest {
    SimpleRequest { response_size: 314159, payload: payload(271828), ..Default::default() }
}
fn check_large(response: SimpleResponse) -> Result<(), Error> {
    check(response.payload.map_or(0, |payload| payload.body.len()) == 314159, "the response has another size")
}
fn output(request: usize, response: i32) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        payload: payload(request),
        response_parameters: vec![ResponseParameters { size: response, ..Default::default() }],
        ..Default::default()
    }
}
fn status(code: i32, message: &str) -> Option<EchoStatus> {
    Some(EchoStatus { code, message: message.to_string() })
}
fn body_size(response: &StreamingOutputCallResponse) -> usize {
    response.payload.as_ref().map_or(0, |payload| payload.body.len())
}

async fn connect(flags: &HashMap<String, String>) -> Result<Channel, Error> {
    Ok(Endpoint::from_shared(format!("http://{}:{}", flags["server_host"], flags["server_port"]))?.connect().await?)
}

async fn run_case(name: &str, channel: &Channel, flags: &HashMap<String, String>) -> Result<(), Error> {
    let mut client: Client = TestServiceClient::new(channel.clone());
    match name {
        "empty_unary" => {
            client.empty_call(Empty {}).await?;
        }
        "large_unary" => check_large(client.unary_call(large()).await?.into_inner())?,
        "client_compressed_unary" => {
            let mut request = large();
            request.expect_compressed = Some(BoolValue { value: true });
            check_code(client.unary_call(request.clone()).await, Code::InvalidArgument, None)?;
            let mut gzip = TestServiceClient::new(channel.clone()).send_compressed(CompressionEncoding::Gzip);
            check_large(gzip.unary_call(request).await?.into_inner())?;
            let mut plain = large();
            plain.expect_compressed = Some(BoolValue { value: false });
            check_large(client.unary_call(plain).await?.into_inner())?;
        }
        "client_streaming" => {
            let requests = REQUEST_SIZES
                .map(|size| StreamingInputCallRequest { payload: payload(size), ..Default::default() });
            let response = client.streaming_input_call(tokio_stream::iter(requests)).await?.into_inner();
            check(response.aggregated_payload_size == 74922, "the sum is wrong")?;
        }
        "server_streaming" => {
            let response_parameters =
                RESPONSE_SIZES.iter().map(|size| ResponseParameters { size: *size, ..Default::default() }).collect();
            let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
            let mut responses = client.streaming_output_call(request).await?.into_inner();
            for size in RESPONSE_SIZES {
                let response = responses.message().await?.ok_or("a response is missing")?;
                check(body_size(&response) == size as usize, "a response has another size")?;
            }
            check(responses.message().await?.is_none(), "there is a fifth response")?;
        }
        "ping_pong" => {
            let (to, from) = mpsc::channel(1);
            to.send(output(REQUEST_SIZES[0], RESPONSE_SIZES[0])).await?;
            let mut responses = client.full_duplex_call(ReceiverStream::new(from)).await?.into_inner();
            for i in 0..4 {
                let response = responses.message().await?.ok_or("a response is missing")?;
                check(body_size(&response) == RESPONSE_SIZES[i] as usize, "a response has another size")?;
                if i < 3 {
                    to.send(output(REQUEST_SIZES[i + 1], RESPONSE_SIZES[i + 1])).await?;
                }
            }
            drop(to);
            check(responses.message().await?.is_none(), "there is a fifth response")?;
        }
        "empty_stream" => {
            let mut responses = client.full_duplex_call(tokio_stream::empty()).await?.into_inner();
            check(responses.message().await?.is_none(), "there is a response")?;
        }
        "custom_metadata" => {
            let value = MetadataValue::from_bytes(b"\xab\xab\xab");
            let mut unary = Request::new(large());
            unary.metadata_mut().insert(INITIAL, "test_initial_metadata_value".parse()?);
            unary.metadata_mut().insert_bin(TRAILING, value.clone());
            let mut duplex = Request::new(tokio_stream::once(output(271828, 314159)));
            *duplex.metadata_mut() = unary.metadata().clone();
            let response = client.unary_call(unary).await?;
            check(response.metadata().get(INITIAL).is_some(), "unary: initial metadata")?;
            check(response.metadata().get_bin(TRAILING) == Some(&value), "unary: trailing metadata")?;
            let response = client.full_duplex_call(duplex).await?;
            check(response.metadata().get(INITIAL).is_some(), "full duplex: initial metadata")?;
            let mut responses = response.into_inner();
            while responses.message().await?.is_some() {}
            let trailers = responses.trailers().await?.ok_or("full duplex: no trailers")?;
            check(trailers.get_bin(TRAILING) == Some(&value), "full duplex: trailing metadata")?;
        }
        "status_code_and_message" => {
            let text = "test status message";
            let request = SimpleRequest { response_status: status(2, text), ..Default::default() };
            check_code(client.unary_call(request).await, Code::Unknown, Some(text))?;
            let request = StreamingOutputCallRequest { response_status: status(2, text), ..Default::default() };
            let result = match client.full_duplex_call(tokio_stream::once(request)).await {
                Ok(response) => response.into_inner().message().await.map(|_| ()),
                Err(status) => Err(status),
            };
            check_code(result, Code::Unknown, Some(text))?;
        }
        "special_status_message" => {
            let request = SimpleRequest { response_status: status(2, SPECIAL), ..Default::default() };
            check_code(client.unary_call(request).await, Code::Unknown, Some(SPECIAL))?;
        }
        "unimplemented_method" => check_code(client.unimplemented_call(Empty {}).await, Code::Unimplemented, None)?,
        "unimplemented_service" => {
            let mut other = UnimplementedServiceClient::new(channel.clone());
            check_code(other.unimplemented_call(Empty {}).await, Code::Unimplemented, None)?;
        }
        "pick_first_unary" => {
            let mut ids = HashSet::new();
            for _ in 0..100 {
                let request = SimpleRequest { response_size: 1, fill_server_id: true, ..Default::default() };
                ids.insert(client.unary_call(request).await?.into_inner().server_id);
            }
            check(ids.len() == 1 && !ids.contains(""), "two servers answered")?;
        }
        "rpc_soak" | "channel_soak" => {
            for _ in 0..flags.get("soak_iterations").map_or(10, |n| n.parse().unwrap_or(10)) {
                if name == "channel_soak" {
                    client = TestServiceClient::new(connect(flags).await?);
                }
                check_large(client.unary_call(large()).await?.into_inner())?;
            }
        }
        "long_lived_channel" => {
            check_large(client.unary_call(large()).await?.into_inner())?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            check_large(client.unary_call(large()).await?.into_inner())?;
        }
        _ => return Err("there is no such case".into()),
    }
    Ok(())
}

pub async fn run(flags: &HashMap<String, String>) -> Result<i32, Error> {
    let channel = connect(flags).await?;
    let mut failed = 0;
    for name in flags["test_case"].split(',') {
        match tokio::time::timeout(Duration::from_secs(30), run_case(name, &channel, flags)).await {
            Ok(Ok(())) => println!("PASS {}", name),
            Ok(Err(error)) => {
                println!("FAIL {}: {}", name, error);
                failed = 1;
            }
            Err(_) => {
                println!("FAIL {}: it took too long", name);
                failed = 1;
            }
        }
    }
    Ok(failed)
}
