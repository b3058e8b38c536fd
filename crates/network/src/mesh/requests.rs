//! Sync requests in both directions.

use std::{collections::HashMap, io};

use libp2p::{
    PeerId,
    request_response::{
        Event, InboundFailure, InboundRequestId, Message, OutboundFailure, OutboundRequestId,
    },
    swarm::ConnectionId,
};
use neo_primitives::Encode;
use tokio::sync::oneshot;

use super::Mesh;
use crate::{
    error::{PeerRef, Refusal, RequestError},
    event::{NetworkEvent, ReplyChannel},
    metrics::increment,
    rates::Flow,
    reputation::Offence,
    sync::{SyncRequest, SyncResponse},
};

type Answer = oneshot::Sender<Result<SyncResponse, RequestError>>;

struct Asked {
    peer: PeerId,
    request: SyncRequest,
    answer: Answer,
}

/// What is unanswered.
#[derive(Default)]
pub(super) struct Requests {
    asked: HashMap<OutboundRequestId, Asked>,
    /// By the peers that ask us; an entry ends when it is answered, refused or has failed.
    taken: HashMap<InboundRequestId, PeerId>,
}

impl Requests {
    fn asked_of(&self, peer: &PeerId) -> usize {
        self.asked
            .values()
            .filter(|asked| asked.peer == *peer)
            .count()
    }

    fn taken_from(&self, peer: &PeerId) -> usize {
        self.taken.values().filter(|from| *from == peer).count()
    }

    /// A peer is gone: nothing of it waits any more.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.taken.retain(|_, from| from != peer);
        let failed: Vec<_> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.peer == *peer)
            .map(|(id, _)| *id)
            .collect();
        for asked in failed.into_iter().filter_map(|id| self.asked.remove(&id)) {
            // Who asked may have given up.
            drop(
                asked
                    .answer
                    .send(Err(RequestError::Failed("the peer went down".to_owned()))),
            );
        }
    }
}

impl Mesh {
    pub(super) fn ask(&mut self, who: PeerRef, request: SyncRequest, answer: Answer) {
        let found = self.shared.directory.read().find(&who).map(|peer| peer.id);
        let limit = self.shared.limits.requests_per_peer;
        let refused = match found {
            None => RequestError::NotConnected(who),
            Some(peer) if self.requests.asked_of(&peer) >= limit => {
                RequestError::Busy { peer: who, limit }
            }
            Some(peer) => {
                let id = self
                    .swarm
                    .behaviour_mut()
                    .sync
                    .send_request(&peer, request.clone());
                self.requests.asked.insert(
                    id,
                    Asked {
                        peer,
                        request,
                        answer,
                    },
                );
                increment(&self.shared.counters.requests_sent);
                return;
            }
        };
        drop(answer.send(Err(refused)));
    }

    pub(super) fn respond(&mut self, reply: ReplyChannel, response: SyncResponse, length: usize) {
        match self
            .swarm
            .behaviour_mut()
            .sync
            .send_response(reply.channel, response)
        {
            Ok(()) => self.shared.counters.responses_sent.count(length),
            Err(_) => tracing::debug!(peer = %reply.peer, "an answer came too late"),
        }
    }

    pub(super) fn on_sync(&mut self, event: Event<SyncRequest, SyncResponse>) {
        match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    },
                ..
            } => {
                let reply = ReplyChannel { peer, channel };
                self.on_request(peer, request_id, request, reply);
            }
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => self.on_response(request_id, response),
            Event::OutboundFailure {
                connection_id,
                request_id,
                error,
                ..
            } => {
                self.on_failed_question(connection_id, request_id, &error);
            }
            Event::InboundFailure {
                connection_id,
                request_id,
                error,
                ..
            } => {
                self.requests.taken.remove(&request_id);
                if let InboundFailure::Io(error) = &error {
                    self.punish_malformed(connection_id, error);
                }
            }
            Event::ResponseSent { request_id, .. } => {
                self.requests.taken.remove(&request_id);
            }
        }
    }

    fn on_request(
        &mut self,
        peer: PeerId,
        id: InboundRequestId,
        request: SyncRequest,
        reply: ReplyChannel,
    ) {
        let limit = self.shared.limits.requests_per_peer;
        let now_us = self.shared.clock.now_us();
        let rates = &self.shared.limits.rates;
        let known = self
            .sessions
            .get(&peer)
            .is_some_and(|session| session.peer.meters.admits(rates, Flow::Requests, 0, now_us));
        if !known || self.requests.taken_from(&peer) >= limit {
            // Dropping the channel tells the asker.
            increment(&self.shared.counters.requests_refused);
            return;
        }
        let event = NetworkEvent::Request {
            from: peer,
            request,
            reply,
        };
        match self.shared.events.bulk.try_send(event) {
            Ok(()) => {
                increment(&self.shared.counters.requests_received);
                self.requests.taken.insert(id, peer);
            }
            Err(_) => increment(&self.shared.counters.requests_refused),
        }
    }

    fn on_response(&mut self, id: OutboundRequestId, response: SyncResponse) {
        let Some(asked) = self.requests.asked.remove(&id) else {
            return;
        };
        self.shared
            .counters
            .responses_received
            .count(response.encoded_len());
        let result = match asked.request.fits(&response) {
            true => Ok(response),
            false => {
                increment(&self.shared.counters.requests_failed);
                // Of the question's kind and no more than was asked for: every honest node keeps to that.
                self.on_reported(PeerRef::Peer(asked.peer), Offence::InvalidAnswer);
                Err(RequestError::Mismatch {
                    request: asked.request.describe(),
                    response: response.describe(),
                })
            }
        };
        drop(asked.answer.send(result));
    }

    fn on_failed_question(
        &mut self,
        connection: ConnectionId,
        id: OutboundRequestId,
        error: &OutboundFailure,
    ) {
        increment(&self.shared.counters.requests_failed);
        if let OutboundFailure::Io(error) = error {
            self.punish_malformed(connection, error);
        }
        let Some(asked) = self.requests.asked.remove(&id) else {
            return;
        };
        let failed = match error {
            OutboundFailure::Timeout => RequestError::Timeout(self.shared.timing.request_timeout),
            other => RequestError::Failed(other.to_string()),
        };
        drop(asked.answer.send(Err(failed)));
    }

    /// Bytes that mean nothing are an offence; a broken stream is not.
    fn punish_malformed(&mut self, connection: ConnectionId, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            self.cut(
                connection,
                Refusal::MalformedFrame {
                    lane: "sync",
                    reason: error.to_string(),
                },
            );
        }
    }
}
