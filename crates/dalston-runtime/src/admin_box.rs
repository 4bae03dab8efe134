//! The box that shows an admin key, once (seed M11).

/// The box of a key of this id, name and scope, its secret, and where the gateway is reached: a URL without a slash at
/// its end. The example takes the key from the environment, so that no shell history holds it.
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
