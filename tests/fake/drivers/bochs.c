/* bochs-drm: DRM core's requests only, without PRIME. */
#include "fake.h"

const struct fake_driver fake_driver_bochs = {.name = "bochs-drm", .requests = (const struct fake_request[]){{0}}, .no_prime = true};
