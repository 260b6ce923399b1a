use crate::testing::{
    test_service_server::{TestService, TestServiceServer},
    *,
};
use crate::{Error, INITIAL};
use std::{collections::HashMap, pin::Pin, time::Duration};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

struct Service;

fn payload(size: i32) -> Option<Payload> {
    Some(Payload { r#type: 0, body: vec![0; size as usize] })
}

fn check(status: &Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(status) if status.code != 0 => Err(Status::new(Code::from_i32(status.code), status.message.clone())),
        _ => Ok(()),
    }
}

async fn answer(request: &StreamingOutputCallRequest, to: &mpsc::Sender<Result<StreamingOutputCallResponse, Status>>) {
    for wanted in &request.response_parameters {
        if wanted.interval_us > 0 {
            tokio::time::sleep(Duration::from_micros(wanted.interval_us as u64)).await;
        }
        if to.send(Ok(StreamingOutputCallResponse { payload: payload(wanted.size) })).await.is_err() {
            return;
        }
    }
}

#[tonic::async_trait]
impl TestService for Service {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let initial = request.metadata().get(INITIAL).cloned();
        let request = request.into_inner();
        check(&request.response_status)?;
        let mut response = Response::new(SimpleResponse { payload: payload(request.response_size), ..Default::default() });
        if request.fill_server_id {
            response.get_mut().server_id = "tonic".to_string();
        }
        if let Some(value) = initial {
            response.metadata_mut().insert(INITIAL, value);
        }
        Ok(response)
    }
    async fn cacheable_unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.unary_call(request).await
    }
    type StreamingOutputCallStream = Answers;
    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        let (to, from) = mpsc::channel(4);
        tokio::spawn(async move { answer(request.get_ref(), &to).await });
        Ok(Response::new(Box::pin(ReceiverStream::new(from))))
    }
    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = request.into_inner();
        let mut sum = 0;
        while let Some(request) = requests.message().await? {
            sum += request.payload.map_or(0, |payload| payload.body.len() as i32);
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size: sum }))
    }
    type FullDuplexCallStream = Answers;
    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let mut requests = request.into_inner();
        let (to, from) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                if let Err(status) = check(&request.response_status) {
                    let _ = to.send(Err(status)).await;
                    return;
                }
                answer(&request, &to).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(from))))
    }
    type HalfDuplexCallStream = Answers;
    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        self.full_duplex_call(request).await
    }
    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("nobody implements it"))
    }
}

pub async fn serve(flags: &HashMap<String, String>) -> Result<(), Error> {
    let port = flags.get("port").map_or("10000", |port| port.as_str());
    let listener = TcpListener::bind(format!("127.0.0.1:{}", port)).await?;
    println!("port {}", listener.local_addr()?.port());
    tonic::transport::Server::builder()
        .add_service(TestServiceServer::new(Service))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}
