"""Makes the golden files of texts 000, 002 and 004 with TensorFlow 2.15, whose layers, losses and optimisers they use.

    python3.11 -m pip install --target /tmp/tf tensorflow-cpu==2.15.1          # it brings a NumPy of its own
    PYTHONPATH=/tmp/tf:. python3.11 tests/golden/make_tensorflow.py            # writes tests/golden/text_*.npz, in half a minute
    PYTHONPATH=/tmp/tf:. python3.11 tests/golden/make_tensorflow.py --check    # computes them anew and compares

The networks and the steps are the texts' own code.  Three things differ.  Everything is computed in float64
first; in float32 then only for the losses and the moving variances.  Weights, data and noise come from
``digest``.  And what the texts draw within a step, text 004's interpolation weights and dropout masks, is
given: the masks are nanogan's, by their keys.  nanogan also tells names and shapes, and nothing else.

Facts about TensorFlow that a reader of these files should know:

- Keras takes its fused batch norm for images in float32, whose moving variance is the unbiased one, n / (n - 1)
  times the batch's.  There is no fused one in float64: there the moving variance is the biased one, and so
  it is in ``moving``; ``variances32`` holds what training does.
- ``train_on_batch`` with binary cross-entropy on a Dense layer that ends in a sigmoid takes the loss from the
  logits, which the sigmoid has noted: text 002's loss is clipped in Keras 2, and not in TensorFlow 2.15.  The
  two are one function for probabilities between 1e-7 and 1 - 1e-7, and all here are.
- Some numbers are rounded to float32 whatever the dtype is, which shows in the eighth digit.  Adam's it is
  given here as float64 tensors.  A leaky ReLU's slope and batch norm's 1 - momentum it is not: the test
  rounds nanogan's.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import digest
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import BatchNormalization, Conv2D, Conv2DTranspose, Dense, Flatten, Input, LeakyReLU, Reshape
from tensorflow.keras.models import Model

from nanogan.backend.random import dropout_mask
from nanogan.gan import networks

HERE = pathlib.Path(__file__).parent


def text_000(n=6):
    """The Spanish DCGAN: both losses within two tapes, both gradients, then both optimisers."""

    def build_generator(z_dim):
        z = Input(shape=(z_dim,))
        X = Dense(256 * 7 * 7, input_dim=z_dim)(z)
        X = Reshape((7, 7, 256))(X)
        X = Conv2DTranspose(filters=128, kernel_size=3, strides=2, padding="same")(X)
        X = BatchNormalization()(X)
        X = LeakyReLU(alpha=0.01)(X)
        X = Conv2DTranspose(filters=64, kernel_size=3, strides=1, padding="same")(X)
        X = BatchNormalization()(X)
        X = LeakyReLU(alpha=0.01)(X)
        Y = Conv2DTranspose(filters=1, kernel_size=3, strides=2, padding="same", activation="tanh")(X)
        return Model(inputs=z, outputs=[Y], name="generator")

    def build_discriminator(img_shape):
        Xin = Input(shape=img_shape)
        X = Conv2D(filters=32, kernel_size=3, strides=2, input_shape=img_shape, padding="same")(Xin)
        X = LeakyReLU(alpha=0.01)(X)
        X = Conv2D(filters=64, kernel_size=3, strides=2, padding="same")(X)
        X = BatchNormalization()(X)
        X = LeakyReLU(alpha=0.01)(X)
        X = Conv2D(filters=128, kernel_size=3, strides=2, padding="same")(X)
        X = BatchNormalization()(X)
        X = LeakyReLU(alpha=0.01)(X)
        X = Flatten()(X)
        Yout = Dense(1, activation="sigmoid")(X)
        return Model(inputs=Xin, outputs=[Yout], name="discriminator")

    def discriminator_loss(real_output, fake_output):
        return -tf.reduce_mean(tf.keras.backend.log(real_output) + tf.keras.backend.log(1.0 - fake_output))

    def generator_loss(fake_output):
        return -tf.reduce_mean(tf.keras.backend.log(fake_output))

    generator, discriminator = build_generator(20), build_discriminator((28, 28, 1))
    generator_optimizer, discriminator_optimizer = (tf.keras.optimizers.Adam(1e-5, *betas()) for _ in range(2))
    draws = digest.Draws(0, n, (28, 28, 1), (20,))

    def train_step():
        images, z = draws.real(), draws.noise()
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            generated_images = generator(cast(z), training=True)
            real_output = discriminator(cast(images), training=True)
            fake_output = discriminator(generated_images, training=True)
            disc_loss = discriminator_loss(real_output, fake_output)
            gen_loss = generator_loss(fake_output)
        gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
        gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gradients_of_generator, generator.trainable_variables, strict=True))
        discriminator_optimizer.apply_gradients(zip(gradients_of_discriminator, discriminator.trainable_variables, strict=True))
        return [disc_loss, gen_loss], [*gradients_of_discriminator, *gradients_of_generator]

    return train_step, (generator, networks.dcgan_generator, 1e-5), (discriminator, networks.dcgan_critic, 1e-5)


def text_002(n=8):
    """The Russian MLP GAN: predict, train_on_batch twice, and once more of a combined model, all with one optimiser.

    That is today's ``legacy.Adam``: the one that Keras 2 had, and the only one that two models can share.
    Its gradients are noted when it gets them.
    """
    gradients = []

    class Adam(tf.keras.optimizers.legacy.Adam):
        def apply_gradients(self, grads_and_vars, **options):
            grads_and_vars = list(grads_and_vars)
            note = tf.numpy_function(lambda *grads: gradients.extend(grads), [g for g, _ in grads_and_vars], [])
            with tf.control_dependencies([note] if note is not None else []):
                return super().apply_gradients(grads_and_vars, **options)

    def build_generator(img_shape, latent_dim):
        inp = Input(shape=(latent_dim,))
        x = Dense(256)(inp)
        x = LeakyReLU(alpha=0.2)(x)
        x = BatchNormalization(momentum=0.8)(x)
        x = Dense(512)(x)
        x = LeakyReLU(alpha=0.2)(x)
        x = BatchNormalization(momentum=0.8)(x)
        x = Dense(1024)(x)
        x = LeakyReLU(alpha=0.2)(x)
        x = BatchNormalization(momentum=0.8)(x)
        x = Dense(np.prod(img_shape), activation="tanh")(x)
        return Model(inp, Reshape(img_shape)(x))

    def build_discriminator(img_shape, loss, optimizer):
        img = Input(shape=img_shape)
        x = Flatten()(img)
        x = Dense(512)(x)
        x = LeakyReLU(alpha=0.2)(x)
        x = Dense(512)(x)
        x = LeakyReLU(alpha=0.2)(x)
        output = Dense(1, activation="sigmoid")(x)
        discriminator = Model(img, output)
        discriminator.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"])
        return discriminator

    # Adam(0.0002, 0.5), given as functions: numbers it would round to float32.
    optimizer = Adam(lambda: cast(0.0002), lambda: cast(0.5), lambda: cast(0.999))
    generator = build_generator((28, 28, 1), 100)
    discriminator = build_discriminator((28, 28, 1), "binary_crossentropy", optimizer)
    inp = Input(shape=(100,))
    img = generator(inp)
    discriminator.trainable = False
    combined = Model(inp, discriminator(img))
    combined.compile(loss="binary_crossentropy", optimizer=optimizer)
    valid, fake = np.ones((n, 1)), np.zeros((n, 1))
    draws = digest.Draws(2, n, (28, 28, 1), (100,))

    def train_step():
        gradients.clear()
        imgs, noise = draws.real(), draws.noise()
        gen_imgs = generator.predict(noise, verbose=0)
        d_hist_real = discriminator.train_on_batch(imgs, valid)
        d_hist_fake = discriminator.train_on_batch(gen_imgs, fake)
        d_hist = 0.5 * np.add(d_hist_real, d_hist_fake)
        noise = draws.noise()
        g_ls = combined.train_on_batch(noise, valid)
        return [d_hist[0], g_ls], list(gradients)

    return train_step, (generator, networks.mlp_generator, 2e-4), (discriminator, networks.mlp_critic, 2e-4)


def text_004(n=4):
    """The WGAN with gradient penalty: the critic's loss holds a gradient, taken in inference mode."""

    class Dropout(tf.keras.layers.Layer):
        """tf.keras.layers.Dropout, but for where the mask comes from."""

        waiting = []

        def __init__(self, rate):
            super().__init__()
            self.rate = rate

        def call(self, x, training=None):
            if not isinstance(training, (bool, int)) or not training:
                return x
            return x * cast(dropout_mask(Dropout.waiting.pop(0), x.shape, self.rate) / (1 - self.rate))

    def make_dcgan_generator(z_size=20, output_size=(28, 28, 1), n_filters=128, n_blocks=2):
        size_factor = 2**n_blocks
        hidden_size = (output_size[0] // size_factor, output_size[1] // size_factor)
        model = tf.keras.Sequential([
            tf.keras.layers.Input(shape=(z_size,)),
            tf.keras.layers.Dense(units=n_filters * np.prod(hidden_size), use_bias=False),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.LeakyReLU(),
            tf.keras.layers.Reshape((hidden_size[0], hidden_size[1], n_filters)),
            tf.keras.layers.Conv2DTranspose(filters=n_filters, kernel_size=(5, 5), strides=(1, 1), padding="same", use_bias=False),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.LeakyReLU(),
        ])  # fmt: skip
        nf = n_filters
        for _ in range(n_blocks):
            nf = nf // 2
            model.add(tf.keras.layers.Conv2DTranspose(filters=nf, kernel_size=(5, 5), strides=(2, 2), padding="same", use_bias=False))
            model.add(tf.keras.layers.BatchNormalization())
            model.add(tf.keras.layers.LeakyReLU())
        model.add(
            tf.keras.layers.Conv2DTranspose(
                filters=output_size[2], kernel_size=(5, 5), strides=(1, 1), padding="same", use_bias=False, activation="tanh"
            )
        )
        return model

    def make_dcgan_discriminator(input_size=(28, 28, 1), n_filters=64, n_blocks=2):
        model = tf.keras.Sequential([
            tf.keras.layers.Input(shape=input_size),
            tf.keras.layers.Conv2D(filters=n_filters, kernel_size=5, strides=(1, 1), padding="same"),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.LeakyReLU(),
        ])  # fmt: skip
        nf = n_filters
        for _ in range(n_blocks):
            nf = nf * 2
            model.add(tf.keras.layers.Conv2D(filters=nf, kernel_size=(5, 5), strides=(2, 2), padding="same"))
            model.add(tf.keras.layers.BatchNormalization())
            model.add(tf.keras.layers.LeakyReLU())
            model.add(Dropout(0.3))
        model.add(tf.keras.layers.Conv2D(filters=1, kernel_size=(7, 7), padding="valid"))
        model.add(tf.keras.layers.Reshape((1,)))
        return model

    gen_model, disc_model = make_dcgan_generator(), make_dcgan_discriminator()
    g_optimizer, d_optimizer = (tf.keras.optimizers.Adam(0.0002, *betas()) for _ in range(2))
    lambda_gp = 10.0
    draws = digest.Draws(4, n, (28, 28, 1), (20,))

    def train_step():
        input_real, input_z, alpha = cast(draws.real()), cast(draws.noise()), cast(draws.alpha())
        Dropout.waiting[:] = draws.keys(4)
        with tf.GradientTape() as d_tape, tf.GradientTape() as g_tape:
            g_output = gen_model(input_z, training=True)
            d_critics_real = disc_model(input_real, training=True)
            d_critics_fake = disc_model(g_output, training=True)
            g_loss = -tf.math.reduce_mean(d_critics_fake)
            d_loss_real = -tf.math.reduce_mean(d_critics_real)
            d_loss_fake = tf.math.reduce_mean(d_critics_fake)
            d_loss = d_loss_real + d_loss_fake
            with tf.GradientTape() as gp_tape:
                interpolated = alpha * input_real + (1 - alpha) * g_output
                gp_tape.watch(interpolated)
                d_critics_intp = disc_model(interpolated)
            grads_intp = gp_tape.gradient(d_critics_intp, [interpolated])[0]
            grads_intp_l2 = tf.sqrt(tf.reduce_sum(tf.square(grads_intp), axis=[1, 2, 3]))
            grad_penalty = tf.reduce_mean(tf.square(grads_intp_l2 - 1.0))
            d_loss = d_loss + lambda_gp * grad_penalty
        assert not Dropout.waiting
        d_grads = d_tape.gradient(d_loss, disc_model.trainable_variables)
        d_optimizer.apply_gradients(grads_and_vars=zip(d_grads, disc_model.trainable_variables, strict=True))
        g_grads = g_tape.gradient(g_loss, gen_model.trainable_variables)
        g_optimizer.apply_gradients(grads_and_vars=zip(g_grads, gen_model.trainable_variables, strict=True))
        return [d_loss, g_loss, grad_penalty], [*d_grads, *g_grads]

    return train_step, (gen_model, networks.k5_generator, 2e-4), (disc_model, networks.k5_critic, 2e-4)


def cast(array):
    return tf.constant(array, tf.keras.backend.floatx())


def betas():
    """Adam's usual ones, as tensors: of numbers it takes powers in float32, whatever the parameters are."""
    return cast(0.9), cast(0.999)


def weights(model):
    """Layer after layer: the order of our state_dict."""
    return [w for layer in model.layers for w in layer.weights]


def three_steps(text, dtype):
    """What the golden file of ``text`` holds, in one dtype."""
    tf.keras.backend.clear_session()
    tf.keras.backend.set_floatx(dtype)
    train_step, *nets = text()
    start = []
    for seed, (model, ours, lr) in enumerate(nets):
        layout = {name: array.shape for name, array in ours().state_dict().items()}
        assert list(layout.values()) == [tuple(w.shape) for w in weights(model)], f"{text.__name__}: other layers"
        for w, (name, array) in zip(weights(model), digest.state(layout, seed, text.__name__[-3:]).items(), strict=True):
            w.assign(array.astype(dtype))
            start.append((w, array, lr, "moving" in name))
    losses, gradients, parameters = [], [], []
    for _ in range(3):
        step_losses, step_gradients = train_step()
        losses.append([float(loss) for loss in step_losses])
        gradients.append(digest.digests(np.array(g) for g in step_gradients))
        parameters.append(digest.digests((w.numpy() - array) / lr for w, array, lr, moving in start if not moving))
    moving = digest.digests(w.numpy() for w, _, _, moving in start if moving)
    variances = digest.digests(w.numpy() for w, _, _, _ in start if "moving_variance" in w.name)
    arrays = {"losses": np.array(losses), "gradients": np.array(gradients), "parameters": np.array(parameters, np.float32), "moving": moving}
    return arrays if dtype == "float64" else {"losses32": arrays["losses"], "variances32": variances.astype(np.float32)}


def golden(text):
    return three_steps(text, "float64") | three_steps(text, "float32")


if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    held = [digest.keep(HERE / f"{text.__name__}.npz", golden(text), check) for text in (text_000, text_002, text_004)]
    sys.exit(not all(held))
