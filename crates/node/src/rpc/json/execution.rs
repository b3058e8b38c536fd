//! What scripts did: application logs and test runs.

use neo_ledger::{Execution, Invocation, Notification, StackItem};
use neo_primitives::{UInt160, UInt256};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{as_base64, base64};

/// The log of a transaction, or of what a block ran besides its transactions.
#[derive(Serialize)]
pub(in crate::rpc) struct ApplicationLogJson<'a> {
    #[serde(flatten)]
    pub(in crate::rpc) of: LogOf,
    pub(in crate::rpc) executions: Vec<ExecutionJson<'a>>,
}

/// What a log belongs to.
#[derive(Serialize)]
pub(in crate::rpc) enum LogOf {
    /// A transaction.
    #[serde(rename = "txid")]
    Transaction(UInt256),
    /// A block.
    #[serde(rename = "blockhash")]
    Block(UInt256),
}

/// One execution.
#[derive(Serialize)]
pub(in crate::rpc) struct ExecutionJson<'a> {
    trigger: &'static str,
    vmstate: &'static str,
    exception: Option<&'a str>,
    gasconsumed: String,
    stack: Vec<StackItemJson<'a>>,
    notifications: Vec<NotificationJson<'a>>,
}

impl<'a> From<&'a Execution> for ExecutionJson<'a> {
    fn from(execution: &'a Execution) -> Self {
        Self {
            trigger: execution.trigger.name(),
            vmstate: execution.vm_state.name(),
            exception: execution.exception.as_deref(),
            gasconsumed: execution.gas_consumed.to_string(),
            stack: execution.stack.iter().map(StackItemJson).collect(),
            notifications: execution
                .notifications
                .iter()
                .map(NotificationJson)
                .collect(),
        }
    }
}

/// The outcome of a test run.
#[derive(Serialize)]
pub(in crate::rpc) struct InvocationJson<'a> {
    #[serde(serialize_with = "as_base64")]
    script: &'a [u8],
    state: &'static str,
    gasconsumed: String,
    exception: Option<&'a str>,
    notifications: Vec<NotificationJson<'a>>,
    stack: Vec<StackItemJson<'a>>,
}

impl<'a> InvocationJson<'a> {
    pub(in crate::rpc) fn new(script: &'a [u8], invocation: &'a Invocation) -> Self {
        Self {
            script,
            state: invocation.vm_state.name(),
            gasconsumed: invocation.gas_consumed.to_string(),
            exception: invocation.exception.as_deref(),
            notifications: invocation
                .notifications
                .iter()
                .map(NotificationJson)
                .collect(),
            stack: invocation.stack.iter().map(StackItemJson).collect(),
        }
    }
}

/// `{type, value}`.
struct StackItemJson<'a>(&'a StackItem);

impl Serialize for StackItemJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            StackItem::Boolean(value) => {
                map.serialize_entry("type", "Boolean")?;
                map.serialize_entry("value", value)?;
            }
            StackItem::Integer(value) => {
                map.serialize_entry("type", "Integer")?;
                map.serialize_entry("value", &value.to_string())?;
            }
            StackItem::ByteString(bytes) => {
                map.serialize_entry("type", "ByteString")?;
                map.serialize_entry("value", &base64(bytes))?;
            }
            StackItem::Null => map.serialize_entry("type", "Any")?,
            StackItem::Array(items) => {
                map.serialize_entry("type", "Array")?;
                map.serialize_entry("value", &all(items))?;
            }
            StackItem::Struct(items) => {
                map.serialize_entry("type", "Struct")?;
                map.serialize_entry("value", &all(items))?;
            }
        }
        map.end()
    }
}

fn all(items: &[StackItem]) -> Vec<StackItemJson<'_>> {
    items.iter().map(StackItemJson).collect()
}

/// A `Transfer` event: `{contract, eventname, state}`.
struct NotificationJson<'a>(&'a Notification);

impl Serialize for NotificationJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let state = StateJson {
            kind: "Array",
            value: (
                AccountJson(event.from),
                AccountJson(event.to),
                IntegerJson {
                    kind: "Integer",
                    value: event.amount.to_string(),
                },
            ),
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("contract", &event.token.hash())?;
        map.serialize_entry("eventname", "Transfer")?;
        map.serialize_entry("state", &state)?;
        map.end()
    }
}

#[derive(Serialize)]
struct StateJson {
    #[serde(rename = "type")]
    kind: &'static str,
    value: (AccountJson, AccountJson, IntegerJson),
}

#[derive(Serialize)]
struct IntegerJson {
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
}

/// An account in wire order, or null.
struct AccountJson(Option<UInt160>);

impl Serialize for AccountJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0 {
            Some(account) => {
                map.serialize_entry("type", "ByteString")?;
                map.serialize_entry("value", &base64(account.as_wire()))?;
            }
            None => map.serialize_entry("type", "Any")?,
        }
        map.end()
    }
}
