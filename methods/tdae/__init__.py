from methods.tdae.method import TDAE

METHOD = TDAE
TINY = {
    "width": 0.05,
    "critic_width": 2,
    "epochs_decoder": 1,
    "epochs_encoder": 1,
    "epochs_second_decoder": 1,
    "batch_size": 4,
}
