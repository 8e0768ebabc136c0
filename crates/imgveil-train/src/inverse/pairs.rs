//! The inverse transformation network: the generator learns the mean squared error between what it gives for encrypted
//! images and the plain ones.

use super::generator::Generator;
use super::view::View;
use super::{Inverse, InverseConfig, InverseEpoch, Mean, order};
use crate::backend::Backend;
use crate::error::{DataError, Error};
use crate::feed::Split;
use crate::model::{Rule, seeded};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::Scheme;
use std::sync::Arc;

/// The learning rate of Adam.
const RATE: f64 = 1e-3;

/// The encrypted forms of the attacker's plain images.
pub enum Encrypted {
    /// As they leaked: image i is the encrypted form of plain image i, under the key that is attacked.
    Leaked(Arc<Split>),
    /// The attacker encrypts them under the same scheme with keys of his own, other ones in every epoch. This is all
    /// that is needed where every image has a key of its own, and where images are mixed, as mixtures are drawn anew
    /// for each.
    OwnKeys(Scheme),
}

/// Learns from pairs. `hear` is told of every epoch, and stops by `false`.
///
/// # Errors
/// When the two forms differ in size or number, the scheme does not fit the images, or the device fails.
pub fn from_pairs(
    backend: &Backend,
    plain: &Arc<Split>,
    encrypted: &Encrypted,
    config: &InverseConfig,
    hear: &mut dyn FnMut(InverseEpoch) -> bool,
) -> Result<Inverse, Error> {
    let geometry = plain.geometry;
    let mut leaked = match encrypted {
        Encrypted::Leaked(split) if split.geometry != geometry => {
            return Err(DataError::Mixed { split: "encrypted", found: split.geometry, expected: geometry }.into());
        }
        Encrypted::Leaked(split) => Some(View::of(backend, split)?),
        Encrypted::OwnKeys(_) => None,
    };
    let images = leaked.as_ref().map_or(plain.len(), |view| view.len().min(plain.len()));
    let device = backend.device().autodiff();
    let block = config.block.map(|block| [block.height as usize, block.width as usize]);
    let size = [geometry.height(), geometry.width()];
    let mut generator = seeded(
        Generator::new(geometry.channels(), size, block, config.width, &device),
        Rule::Convolutional,
        config.seed,
    );
    let mut optimiser = AdamConfig::new().with_epsilon(1e-8).init();
    let mut plain_view = View::of(backend, plain)?;
    for epoch in 1..=config.epochs {
        let mut own = match encrypted {
            Encrypted::OwnKeys(scheme) => Some(own_keys(backend, plain, scheme, config, epoch)?),
            Encrypted::Leaked(_) => None,
        };
        let mut mean = Mean::default();
        for batch in order("pairs", config, images, epoch) {
            let Some(view) = own.as_mut().or(leaked.as_mut()) else { break };
            let given = generator.forward(view.batch(&batch)?);
            let wanted = plain_view.batch(&view.wanted(&batch))?;
            let loss = (given - wanted).powi_scalar(2).mean();
            mean.add(&loss);
            let gradients = GradientsParams::from_grads(loss.backward(), &generator);
            generator = optimiser.step(RATE, generator, gradients);
        }
        let loss = mean.fetch(backend)?;
        if !hear(InverseEpoch { epoch, loss, discriminator: None }) {
            break;
        }
    }
    Ok(Inverse { backend: backend.clone(), generator: generator.valid(), batch: config.batch.max(2) })
}

/// The plain images through the scheme, under a key of this epoch.
fn own_keys(
    backend: &Backend,
    plain: &Arc<Split>,
    scheme: &Scheme,
    config: &InverseConfig,
    epoch: usize,
) -> Result<View, Error> {
    let text = [config.seed.to_le_bytes(), (epoch as u64).to_le_bytes()].concat();
    let key = Key::from_bytes(blake3::derive_key("imgveil inverse, keys of the attacker", &text));
    View::encrypted(backend, plain, scheme, &key)
}
