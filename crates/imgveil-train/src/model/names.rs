//! The names of tensors in published weights: torchvision's names for residual and dense networks, timm's names for
//! Xception (`legacy_xception`), vision transformers and ConvMixer. No weights are published for the small CNN and the
//! adaptation networks; their tensors keep the names of their fields.

use super::ModelKind;

/// The role of a tensor in a network. It decides what happens if the shape does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The weight of the first layer, over the images' channels.
    First,
    /// The weight or bias of the linear layer that gives the logits.
    Head,
    /// Position embeddings, one for each patch of the image.
    Position,
    /// Anything else.
    Inner,
}

/// The published name and the role of a tensor in a network of `kind`. `path` is burn's path of the tensor, from
/// [`super::Network`] down.
pub fn published(kind: ModelKind, path: &str) -> (String, Role) {
    let parts: Vec<&str> = path.split('.').collect();
    // burn's paths contain the names of enum variants.
    let (name, role) = match parts.as_slice() {
        ["classifier", _, inner @ .., leaf] => {
            let role = role(inner, leaf);
            let module = match kind {
                ModelKind::Cnn | ModelKind::Bag => inner.join("."),
                ModelKind::ResNet18 => resnet(inner, [2, 2, 2, 2]),
                ModelKind::ResNet50 => resnet(inner, [3, 4, 6, 3]),
                ModelKind::DenseNet121 => densenet(inner),
                ModelKind::Xception => xception(inner),
                ModelKind::VitTiny | ModelKind::VitSmall => vit(inner),
                ModelKind::ConvMixer => convmixer(inner),
            };
            let leaf = self::leaf(leaf);
            (if module.is_empty() { leaf.to_owned() } else { format!("{module}.{leaf}") }, role)
        }
        ["adaptation", _, inner @ .., leaf] => {
            let module: String = inner.iter().map(|part| format!("{part}.")).collect();
            (format!("adaptation.{module}{}", self::leaf(leaf)), Role::Inner)
        }
        _ => (path.to_owned(), Role::Inner),
    };
    (name, role)
}

fn role(inner: &[&str], leaf: &str) -> Role {
    match (inner, leaf) {
        (["linear"], _) => Role::Head,
        ([], "position") => Role::Position,
        (["patch" | "stem" | "first" | "embedding"] | ["whole", "hidden"], "weight") => Role::First,
        _ => Role::Inner,
    }
}

/// PyTorch names the parameters of a norm `weight` and `bias`.
fn leaf(leaf: &str) -> &str {
    match leaf {
        "gamma" => "weight",
        "beta" => "bias",
        "class_token" => "cls_token",
        "position" => "pos_embed",
        other => other,
    }
}

fn resnet(inner: &[&str], stages: [usize; 4]) -> String {
    match inner {
        ["stem"] => "conv1".into(),
        ["stem_norm"] => "bn1".into(),
        ["linear"] => "fc".into(),
        ["blocks", index, layer] => {
            let (mut stage, mut block) = (0, number(index));
            while stage < 3 && block >= stages[stage] {
                block -= stages[stage];
                stage += 1;
            }
            let layer = match *layer {
                "first" => "conv1",
                "first_norm" => "bn1",
                "second" => "conv2",
                "second_norm" => "bn2",
                "third" => "conv3",
                "third_norm" => "bn3",
                "shortcut" => "downsample.0",
                "shortcut_norm" => "downsample.1",
                other => other,
            };
            format!("layer{}.{block}.{layer}", stage + 1)
        }
        other => other.join("."),
    }
}

fn densenet(inner: &[&str]) -> String {
    let counted = |index: &str| number(index) + 1;
    match inner {
        ["stem"] => "features.conv0".into(),
        ["stem_norm"] => "features.norm0".into(),
        ["norm"] => "features.norm5".into(),
        ["linear"] => "classifier".into(),
        ["transitions", index, layer] => format!("features.transition{}.{layer}", counted(index)),
        ["blocks", block, "layers", index, layer] => {
            let layer = match *layer {
                "first_norm" => "norm1",
                "first" => "conv1",
                "second_norm" => "norm2",
                "second" => "conv2",
                other => other,
            };
            format!("features.denseblock{}.denselayer{}.{layer}", counted(block), counted(index))
        }
        other => other.join("."),
    }
}

fn xception(inner: &[&str]) -> String {
    let part = |part: &str| if part == "depthwise" { "conv1" } else { "pointwise" };
    match inner {
        ["first"] => "conv1".into(),
        ["first_norm"] => "bn1".into(),
        ["second"] => "conv2".into(),
        ["second_norm"] => "bn2".into(),
        ["third", of] => format!("conv3.{}", part(of)),
        ["third_norm"] => "bn3".into(),
        ["fourth", of] => format!("conv4.{}", part(of)),
        ["fourth_norm"] => "bn4".into(),
        ["linear"] => "fc".into(),
        ["blocks", block, rest @ ..] => {
            let block = number(block);
            // A block repeats ReLU, convolution, norm. The first block has no first ReLU.
            let place = |index: &str, layer: usize| 3 * number(index) + layer - usize::from(block == 0);
            let layer = match rest {
                ["convs", index, of] => format!("rep.{}.{}", place(index, 1), part(of)),
                ["norms", index] => format!("rep.{}", place(index, 2)),
                ["shortcut"] => "skip".into(),
                ["shortcut_norm"] => "skipbn".into(),
                other => other.join("."),
            };
            format!("block{}.{layer}", block + 1)
        }
        other => other.join("."),
    }
}

fn vit(inner: &[&str]) -> String {
    match inner {
        ["embedding"] => "patch_embed.proj".into(),
        ["linear"] => "head".into(),
        ["layers", index, rest @ ..] => {
            let layer = match rest {
                ["attention_norm"] => "norm1".into(),
                ["attention", "query_key_value"] => "attn.qkv".into(),
                ["attention", "output"] => "attn.proj".into(),
                ["perceptron_norm"] => "norm2".into(),
                ["hidden"] => "mlp.fc1".into(),
                ["output"] => "mlp.fc2".into(),
                other => other.join("."),
            };
            format!("blocks.{index}.{layer}")
        }
        other => other.join("."),
    }
}

fn convmixer(inner: &[&str]) -> String {
    match inner {
        ["stem"] => "stem.0".into(),
        ["stem_norm"] => "stem.2".into(),
        ["linear"] => "head".into(),
        ["blocks", index, layer] => {
            let layer = match *layer {
                "depthwise" => "0.fn.0",
                "depthwise_norm" => "0.fn.2",
                "pointwise" => "1",
                "pointwise_norm" => "3",
                other => other,
            };
            format!("blocks.{index}.{layer}")
        }
        other => other.join("."),
    }
}

/// An index in a path of burn.
fn number(index: &str) -> usize {
    index.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ModelKind::*;

    #[test]
    fn names_are_those_that_are_published() {
        for (kind, path, name, role) in [
            (ResNet18, "ResNet.stem.weight", "conv1.weight", Role::First),
            (ResNet18, "ResNet.blocks.2.shortcut.weight", "layer2.0.downsample.0.weight", Role::Inner),
            (ResNet18, "ResNet.blocks.7.second_norm.running_var", "layer4.1.bn2.running_var", Role::Inner),
            (ResNet50, "ResNet.blocks.12.third.weight", "layer3.5.conv3.weight", Role::Inner),
            (ResNet50, "ResNet.blocks.13.shortcut_norm.beta", "layer4.0.downsample.1.bias", Role::Inner),
            (ResNet50, "ResNet.linear.weight", "fc.weight", Role::Head),
            (DenseNet121, "DenseNet.stem.weight", "features.conv0.weight", Role::First),
            (
                DenseNet121,
                "DenseNet.blocks.2.layers.23.second.weight",
                "features.denseblock3.denselayer24.conv2.weight",
                Role::Inner,
            ),
            (DenseNet121, "DenseNet.transitions.0.conv.weight", "features.transition1.conv.weight", Role::Inner),
            (DenseNet121, "DenseNet.norm.gamma", "features.norm5.weight", Role::Inner),
            (DenseNet121, "DenseNet.linear.bias", "classifier.bias", Role::Head),
            (Xception, "Xception.first.weight", "conv1.weight", Role::First),
            (Xception, "Xception.blocks.0.convs.1.depthwise.weight", "block1.rep.3.conv1.weight", Role::Inner),
            (Xception, "Xception.blocks.0.norms.0.gamma", "block1.rep.1.weight", Role::Inner),
            (Xception, "Xception.blocks.3.convs.2.pointwise.weight", "block4.rep.7.pointwise.weight", Role::Inner),
            (Xception, "Xception.blocks.11.norms.1.running_mean", "block12.rep.5.running_mean", Role::Inner),
            (Xception, "Xception.blocks.11.shortcut_norm.gamma", "block12.skipbn.weight", Role::Inner),
            (Xception, "Xception.fourth.depthwise.weight", "conv4.conv1.weight", Role::Inner),
            (VitTiny, "Vit.embedding.weight", "patch_embed.proj.weight", Role::First),
            (VitTiny, "Vit.class_token", "cls_token", Role::Inner),
            (VitSmall, "Vit.position", "pos_embed", Role::Position),
            (VitSmall, "Vit.layers.11.attention.output.weight", "blocks.11.attn.proj.weight", Role::Inner),
            (VitSmall, "Vit.layers.0.attention.query_key_value.weight", "blocks.0.attn.qkv.weight", Role::Inner),
            (VitSmall, "Vit.layers.3.output.weight", "blocks.3.mlp.fc2.weight", Role::Inner),
            (VitSmall, "Vit.layers.3.output.bias", "blocks.3.mlp.fc2.bias", Role::Inner),
            (VitSmall, "Vit.norm.beta", "norm.bias", Role::Inner),
            (ConvMixer, "ConvMixer.stem.weight", "stem.0.weight", Role::First),
            (ConvMixer, "ConvMixer.blocks.31.depthwise_norm.gamma", "blocks.31.0.fn.2.weight", Role::Inner),
            (ConvMixer, "ConvMixer.blocks.5.pointwise.bias", "blocks.5.1.bias", Role::Inner),
            (Cnn, "Cnn.patch_norm.gamma", "patch_norm.weight", Role::Inner),
        ] {
            assert_eq!(published(kind, &format!("classifier.{path}")), (name.to_owned(), role));
        }
        assert_eq!(published(Cnn, "adaptation.Ele.permutation"), ("adaptation.permutation".to_owned(), Role::Inner));
    }
}
