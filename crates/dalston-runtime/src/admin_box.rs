//! Text box that shows a new admin key once (seed M11).

/// Renders the box for a key of this id, name, scope and secret. `url` is the gateway's URL without a trailing slash.
/// The example reads the key from the environment, so that the shell history does not contain it.
pub fn admin_box(id: &str, name: &str, scope: &str, secret: &str, url: &str) -> String {
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
          {url}/v1/audio/transcriptions

{rule}
"#
    )
}
