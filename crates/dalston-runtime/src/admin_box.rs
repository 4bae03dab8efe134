//! The box that shows an admin key, once (seed M11).

use dalston_auth::PlainKey;
use dalston_store::UsedKey;

/// The box of the key and its secret. The example takes the key from the environment, so that no shell history holds it.
pub fn admin_box(used: &UsedKey, secret: &PlainKey) -> String {
    let rule = "=".repeat(60);
    let (id, name, secret) = (used.key.id, &used.key.name, secret.expose());
    let scopes = used.key.scopes.to_string().replace(',', ", ");
    format!(
        r#"
{rule}
  ADMIN API KEY CREATED
{rule}

  Key ID:   {id}
  Name:     {name}
  Scopes:   {scopes}

  🔑 Your API Key (save this - shown only once!):

     {secret}

  Usage:
     export DALSTON_API_KEY='the key above'
     curl -H "Authorization: Bearer $DALSTON_API_KEY" \
          http://localhost:8000/v1/audio/transcriptions

{rule}
"#
    )
}
