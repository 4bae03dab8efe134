//! The box that shows an admin key, once (seed M11).

/// The box of a key of this id, name and scope, and its secret. The example takes the key from the environment, so that
/// no shell history holds it.
pub fn admin_box(id: &str, name: &str, scope: &str, secret: &str) -> String {
    let rule = "=".repeat(60);
    format!(
        r#"
{rule}
  ADMIN API KEY CREATED
{rule}

  Key ID:   {id}
  Name:     {name}
  Scopes:   {scope}

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
