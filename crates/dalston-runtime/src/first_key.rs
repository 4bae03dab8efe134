//! The first admin key, on an empty store: one, however many nodes start at once.

use crate::{Settings, admin_box};
use anyhow::{Context, Result};
use dalston_auth::{Caller, Identity, Need, PlainKey};
use dalston_model::{Actor, Door, Source};
use dalston_service::Keys;
use dalston_store::SharedStore;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Makes the key, unless the store has one.
pub(crate) async fn make(
    keys: &Keys,
    store: &SharedStore,
    settings: &Settings,
    terminal: Option<&mut dyn Write>,
) -> Result<()> {
    // A store that ever changed is not empty: the common start asks nothing more.
    if store.last_seq().await? > 0 {
        return Ok(());
    }
    let source = Source { actor: Actor::Gateway, door: Door::Gateway, address: None, request_id: None };
    let permit =
        Caller::new(Identity::Gateway, source).permit(Need::Caller).map_err(|it| anyhow::anyhow!(it.detail()))?;
    if let Some(out) = terminal {
        if let Some(minted) = keys.create_first(&permit, |_| Ok(())).await? {
            let key = &minted.key.key;
            let shown = admin_box(&key.id.to_string(), key.name.as_str(), "admin", minted.secret.expose());
            out.write_all(shown.as_bytes())?;
            out.flush()?;
        }
        return Ok(());
    }
    let path = settings.data_dir.join("admin.key");
    let mut file = None;
    let minted = keys
        .create_first(&permit, |secret| {
            file = Some(KeyFile::write(&path, secret)?);
            Ok(())
        })
        .await
        .with_context(|| format!("the first admin key could not be made or written to {}", path.display()))?;
    if let (Some(minted), Some(file)) = (minted, file) {
        file.keep()?;
        tracing::info!(key = %minted.key.key.id, file = %path.display(), "the first admin key was made: read it from this file, then delete it");
    }
    Ok(())
}

/// The file of a secret, written to the disk before its key is made. Dropped before it is kept, it is deleted.
struct KeyFile {
    path: PathBuf,
    written: Option<PathBuf>,
}

impl KeyFile {
    fn write(path: &Path, secret: &PlainKey) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let written = path.with_extension(format!("key.{}", secret.prefix()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written)?;
        let written = Self { path: path.to_owned(), written: Some(written) };
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        Ok(written)
    }

    fn keep(mut self) -> io::Result<()> {
        if let Some(written) = self.written.take() {
            fs::rename(written, &self.path)?;
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if let Some(written) = self.written.take() {
            let _ = fs::remove_file(written);
        }
    }
}
