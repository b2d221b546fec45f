/* names: every constant of the protocol prints its name. */
#include "wire/proto.h"

#define CASE(name, value) \
	case (value):     \
		return #name;

#define NAME_FUNCTION(function, type, list)     \
	const char *function(type value)        \
	{                                       \
		switch (value) {                \
			list(CASE) default      \
			    : return "unknown"; \
		}                               \
	}

NAME_FUNCTION(nbd_option_name, uint32_t, NBD_OPTIONS)
NAME_FUNCTION(nbd_reply_name, uint32_t, NBD_REPLIES)
NAME_FUNCTION(nbd_info_name, uint16_t, NBD_INFOS)
NAME_FUNCTION(nbd_command_name, uint16_t, NBD_COMMANDS)
NAME_FUNCTION(nbd_reply_type_name, uint16_t, NBD_REPLY_TYPES)
NAME_FUNCTION(nbd_error_name, uint32_t, NBD_ERRORS)
NAME_FUNCTION(nbd_handshake_flag_name, uint16_t, NBD_HANDSHAKE_FLAGS)
NAME_FUNCTION(nbd_client_flag_name, uint32_t, NBD_CLIENT_FLAGS)
NAME_FUNCTION(nbd_transmission_flag_name, uint16_t, NBD_TRANSMISSION_FLAGS)
NAME_FUNCTION(nbd_command_flag_name, uint16_t, NBD_COMMAND_FLAGS)
