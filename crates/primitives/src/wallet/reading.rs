//! Reading JSON of many programs: known names in any case, null where a value is missing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Gives known fields of an object Neo's spelling. Of two that differ in case only, the exact one wins.
pub(super) fn respell(value: &mut Value, known: &[&str]) {
    let Value::Object(fields) = value else { return };
    let strangers: Vec<String> = fields
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .cloned()
        .collect();
    for name in strangers {
        let Some(spelling) = known.iter().find(|known| known.eq_ignore_ascii_case(&name)) else {
            continue;
        };
        if let Some(field) = fields.remove(&name) {
            fields.entry((*spelling).to_owned()).or_insert(field);
        }
    }
}

/// The field of an object, or nothing to change.
pub(super) fn with_field(value: &mut Value, name: &str, change: impl FnOnce(&mut Value)) {
    if let Some(field) = value
        .as_object_mut()
        .and_then(|fields: &mut Map<_, _>| fields.get_mut(name))
    {
        change(field);
    }
}

/// Each element of a list.
pub(super) fn each(value: &mut Value, change: impl FnMut(&mut Value)) {
    if let Value::Array(items) = value {
        items.iter_mut().for_each(change);
    }
}

/// Null means the default.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
