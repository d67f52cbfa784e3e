/* vgem: DRM core's requests only. */
#include "fake.h"

const struct fake_driver fake_driver_vgem = {.name = "vgem", .requests = (const struct fake_request[]){{0}}};
