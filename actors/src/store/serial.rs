//! How the engine's words are written into stored documents; the engine itself knows no format.

pub(super) mod sid {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use tandem_model::Sid;

    pub fn serialize<S: Serializer>(sid: &Sid, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(sid)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Sid, D::Error> {
        String::deserialize(d)?.parse().map_err(|()| D::Error::custom("not a UUID"))
    }
}

pub(super) mod sid_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use tandem_model::Sid;

    pub fn serialize<S: Serializer>(sid: &Option<Sid>, s: S) -> Result<S::Ok, S::Error> {
        match sid {
            Some(sid) => s.collect_str(sid),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Sid>, D::Error> {
        match Option::<String>::deserialize(d)? {
            Some(text) => text.parse().map(Some).map_err(|()| D::Error::custom("not a UUID")),
            None => Ok(None),
        }
    }
}

pub(super) mod wall {
    use serde::{Deserialize, Deserializer, Serializer};
    use tandem_model::WallTime;

    pub fn serialize<S: Serializer>(t: &WallTime, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(t.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<WallTime, D::Error> {
        i64::deserialize(d).map(WallTime)
    }
}

pub(super) mod wall_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use tandem_model::WallTime;

    pub fn serialize<S: Serializer>(t: &Option<WallTime>, s: S) -> Result<S::Ok, S::Error> {
        t.map(|t| t.0).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<WallTime>, D::Error> {
        Ok(Option::<i64>::deserialize(d)?.map(WallTime))
    }
}
